lapidary_pkg_config(sentencepiece sentencepiece libsentencepiece-dev 0.1.97)
if(NOT LAPIDARY_sentencepiece_FOUND)
    lapidary_missing("sentencepiece >= 0.1.97" libsentencepiece-dev)
endif()
