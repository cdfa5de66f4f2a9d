#include "model/json_reader.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "model/file_error.h"

namespace model {

std::optional<double> Json::number() const {
    if (const auto* d = std::get_if<double>(&data)) {
        return *d;
    }
    if (const auto* u = std::get_if<uint64_t>(&data)) {
        return static_cast<double>(*u);
    }
    if (const auto* i = std::get_if<int64_t>(&data)) {
        return static_cast<double>(*i);
    }
    return std::nullopt;
}

const Json* Json::find(std::string_view name) const {
    const Object* members = object();
    if (members == nullptr) {
        return nullptr;
    }
    const auto it = std::find_if(members->begin(), members->end(),
                                 [&](const auto& member) { return member.first == name; });
    return it == members->end() ? nullptr : &it->second;
}

std::string Json::described() const {
    if (const std::string* s = text()) {
        return fmt::format("\"{}\"", *s);
    }
    if (const Array* a = array()) {
        return fmt::format("a list of {}", a->size());
    }
    if (object() != nullptr) {
        return "an object";
    }
    if (const bool* b = std::get_if<bool>(&data)) {
        return *b ? "true" : "false";
    }
    if (const auto* u = std::get_if<uint64_t>(&data)) {
        return fmt::format("{}", *u);
    }
    if (const auto* i = std::get_if<int64_t>(&data)) {
        return fmt::format("{}", *i);
    }
    const auto* d = std::get_if<double>(&data);
    return d != nullptr ? fmt::format("{}", *d) : "null";
}

namespace {

using MemberFunction = std::function<void(std::string&&, Json&&)>;

/// Builds the tree from nlohmann's events. The parser behind it keeps its own stack on the heap.
class Builder {
public:
    Builder(const std::string& name, const Limits& limits, const MemberFunction* on_member)
        : name_(name), limits_(limits), on_member_(on_member) {}

    Json take() { return std::move(root_); }

    bool null() { return add({}); }
    bool boolean(bool value) { return add({value}); }
    bool number_integer(int64_t value) { return add({value}); }
    bool number_unsigned(uint64_t value) { return add({value}); }
    bool number_float(double value, const std::string& text) {
        // nlohmann turns integers beyond 64 bits into double.
        if (text.find_first_of(".eE") == std::string::npos) {
            refuse(name_, context(), text, "an integer of at most 64 bits");
        }
        return add({value});
    }
    bool string(std::string& value) {
        charge(value.size());
        return add({std::move(value)});
    }
    bool binary(nlohmann::json::binary_t&) { return false; }
    bool start_object(std::size_t) { return open({Json::Object{}}); }
    bool start_array(std::size_t) { return open({Json::Array{}}); }
    bool key(std::string& value) {
        charge(value.size() + sizeof(Json::Object::value_type));
        stack_.back().key = std::move(value);
        return true;
    }
    bool end_array() { return close(); }
    bool end_object() {
        Frame& frame = stack_.back();
        check_duplicates(std::get<Json::Object>(frame.value.data), frame.names);
        return close();
    }
    bool parse_error(std::size_t position, const std::string& token,
                     const nlohmann::json::exception& error) {
        // "[json.exception.parse_error.101] parse error at line 1, column 5: ..." -> the last part
        std::string what = error.what();
        const size_t colon = what.find(": ");
        what = colon == std::string::npos ? what : what.substr(colon + 2);
        refuse(name_, "JSON", position, fmt::format("'{}'", token),
               fmt::format("JSON ({})", base::escaped(what)));
    }

private:
    struct Frame {
        Json value;
        std::string key;                 // of the member that comes next
        std::vector<std::string> names;  // of members that were handed over
    };

    std::string context() const {
        std::string path;
        for (const Frame& frame : stack_) {
            path += (path.empty() || frame.key.empty() ? "" : ".") + frame.key;
        }
        return path.empty() ? "JSON" : path;
    }

    void charge(uint64_t bytes) {
        heap_ += bytes;
        if (heap_ > limits_.heap_bytes) {
            refuse(name_, context(), fmt::format("more than {} bytes", limits_.heap_bytes),
                   "less memory");
        }
    }

    bool open(Json&& value) {
        if (stack_.size() >= limits_.json_depth) {
            refuse(name_, context(), fmt::format("nesting deeper than {}", limits_.json_depth),
                   fmt::format("at most {} levels", limits_.json_depth));
        }
        stack_.push_back({std::move(value), {}, {}});
        return true;
    }

    bool close() {
        Json value = std::move(stack_.back().value);
        stack_.pop_back();
        return add(std::move(value));
    }

    bool add(Json&& value) {
        charge(sizeof(Json));
        if (stack_.empty()) {
            root_ = std::move(value);
            return true;
        }
        Frame& frame = stack_.back();
        if (auto* array = std::get_if<Json::Array>(&frame.value.data)) {
            array->push_back(std::move(value));
        } else if (on_member_ != nullptr && stack_.size() == 1) {
            frame.names.push_back(frame.key);
            (*on_member_)(std::move(frame.key), std::move(value));
        } else {
            std::get<Json::Object>(frame.value.data)
                .emplace_back(std::move(frame.key), std::move(value));
        }
        return true;
    }

    void check_duplicates(const Json::Object& members, const std::vector<std::string>& more) {
        std::vector<std::string_view> names(more.begin(), more.end());
        for (const auto& member : members) {
            names.push_back(member.first);
        }
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end()) {
            refuse(name_, context(), fmt::format("'{}' twice", *twice), "unique names");
        }
    }

    const std::string& name_;
    const Limits& limits_;
    const MemberFunction* on_member_;
    Json root_;
    std::vector<Frame> stack_;
    uint64_t heap_ = 0;
};

Json run(std::string_view text, const std::string& name, const Limits& limits,
         const MemberFunction* on_member) {
    if (text.size() > limits.json_bytes) {
        refuse(name, "JSON", fmt::format("{} bytes", text.size()),
               fmt::format("at most {}", limits.json_bytes));
    }
    if (text.starts_with("\xef\xbb\xbf")) {
        refuse(name, "JSON", 0, "a byte order mark", "'{'");
    }
    Builder builder(name, limits, on_member);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
        refuse(name, "JSON", "an unreadable text", "JSON");
    }
    return builder.take();
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, const Limits& limits) {
    return run(text, name, limits, nullptr);
}

void parse_json_members(std::string_view text, const std::string& name, const Limits& limits,
                        const std::function<void(std::string&&, Json&&)>& on_member) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || text[first] != '{') {
        refuse(name, "JSON", "no object", "'{'");
    }
    run(text, name, limits, &on_member);
}

JsonFields::JsonFields(const Json& object, std::string name)
    : object_(&object), name_(std::move(name)) {
    if (object.object() == nullptr) {
        refuse(name_, "JSON", object.described(), "an object");
    }
}

const Json* JsonFields::find(std::string_view field) const {
    const Json* value = object_->find(field);
    return value == nullptr || value->is_null() ? nullptr : value;
}

void JsonFields::fail(std::string_view field, std::string_view found, std::string_view expected,
                      std::string hint) const {
    refuse(name_, field, found, expected, std::move(hint));
}

std::optional<uint32_t> JsonFields::count(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return std::nullopt;
    }
    const uint64_t* integer = value->integer();
    if (integer == nullptr || *integer > UINT32_MAX) {
        fail(field, value->described(), "an integer from 0 to 4294967295");
    }
    return static_cast<uint32_t>(*integer);
}

std::optional<double> JsonFields::real(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return std::nullopt;
    }
    const std::optional<double> number = value->number();
    if (!number || !std::isfinite(static_cast<float>(*number))) {
        fail(field, value->described(), "a finite number");
    }
    return number;
}

std::optional<bool> JsonFields::boolean(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return std::nullopt;
    }
    const bool* b = std::get_if<bool>(&value->data);
    if (b == nullptr) {
        fail(field, value->described(), "true or false");
    }
    return *b;
}

std::optional<std::string> JsonFields::text(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->text() == nullptr) {
        fail(field, value->described(), "a string");
    }
    return *value->text();
}

const Json::Array* JsonFields::array(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return nullptr;
    }
    if (value->array() == nullptr) {
        fail(field, value->described(), "a list");
    }
    return value->array();
}

std::optional<JsonFields> JsonFields::child(std::string_view field) const {
    const Json* value = find(field);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->object() == nullptr) {
        fail(field, value->described(), "an object");
    }
    return JsonFields(*value, name_ + ": " + std::string(field));
}

}  // namespace model
