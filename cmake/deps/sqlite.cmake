lapidary_pkg_config(sqlite sqlite3 libsqlite3-dev 3.40)
if(NOT LAPIDARY_sqlite_FOUND)
    lapidary_missing("SQLite >= 3.40" libsqlite3-dev)
endif()
