// Json: a parsed JSON text from a stranger. Depth, size and duplicate names are checked here,
// integers stay exact, and nothing recurses over the input. Lexing is nlohmann's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/limits.h"

namespace model {

struct Json {
    using Array = std::vector<Json>;
    using Object = std::vector<std::pair<std::string, Json>>;  // in file order, unique names

    std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object> data =
        nullptr;

    bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
    const std::string* text() const { return std::get_if<std::string>(&data); }
    const Array* array() const { return std::get_if<Array>(&data); }
    const Object* object() const { return std::get_if<Object>(&data); }
    /// A non-negative integer (which the parser keeps as uint64_t).
    const uint64_t* integer() const { return std::get_if<uint64_t>(&data); }
    std::optional<double> number() const;
    /// Member of an object; nullptr when this is no object or has no such member.
    const Json* find(std::string_view name) const;
    /// For messages: "8.5", "\"text\"", "a list of 3".
    std::string described() const;
};

/// Throws base::Error(model) with the name of the text and the place of the fault.
Json parse_json(std::string_view text, const std::string& name, const Limits& limits = {});

/// Parses an object and hands over its members one by one, so that it is never held as a whole.
void parse_json_members(std::string_view text, const std::string& name, const Limits& limits,
                        const std::function<void(std::string&& key, Json&& value)>& on_member);

/// Typed access to the members of one object, with a message per field. A member that is null
/// counts as absent.
class JsonFields {
public:
    JsonFields(const Json& object, std::string name);

    const Json* find(std::string_view field) const;
    /// Present, even if null.
    bool has(std::string_view field) const { return object_->find(field) != nullptr; }
    std::optional<uint32_t> count(std::string_view field) const;
    std::optional<double> real(std::string_view field) const;
    std::optional<bool> boolean(std::string_view field) const;
    std::optional<std::string> text(std::string_view field) const;
    const Json::Array* array(std::string_view field) const;
    /// A member that must be an object if it is there.
    std::optional<JsonFields> child(std::string_view field) const;

    [[noreturn]] void fail(std::string_view field, std::string_view found,
                           std::string_view expected, std::string hint = {}) const;

private:
    const Json* object_;
    std::string name_;
};

}  // namespace model
