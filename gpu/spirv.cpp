#include "gpu/spirv.h"

#include "gpu/base.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace gpu {

namespace {

// The few numbers of the SPIR-V specification that an interface is made of.
constexpr uint32_t kMagic = 0x07230203;
constexpr uint32_t kLargestBound = 1u << 22;

enum Op : uint16_t {
    op_entry_point = 15,
    op_capability = 17,
    op_type_int = 21,
    op_type_float = 22,
    op_type_vector = 23,
    op_type_matrix = 24,
    op_type_image = 25,
    op_type_array = 28,
    op_type_runtime_array = 29,
    op_type_struct = 30,
    op_type_pointer = 32,
    op_constant = 43,
    op_constant_composite = 44,
    op_spec_constant_true = 48,
    op_spec_constant_false = 49,
    op_spec_constant = 50,
    op_spec_constant_composite = 51,
    op_variable = 59,
    op_decorate = 71,
    op_member_decorate = 72,
    op_execution_mode_id = 331,
};

enum Decoration : uint32_t {
    decoration_spec_id = 1,
    decoration_block = 2,
    decoration_buffer_block = 3,
    decoration_array_stride = 6,
    decoration_matrix_stride = 7,
    decoration_built_in = 11,
    decoration_non_writable = 24,
    decoration_non_readable = 25,
    decoration_binding = 33,
    decoration_descriptor_set = 34,
    decoration_offset = 35,
};

enum StorageClass : uint32_t {
    storage_uniform_constant = 0,
    storage_uniform = 2,
    storage_push_constant = 9,
    storage_buffer = 12,
};

constexpr uint32_t kCapabilityGroupNonUniform = 61;  // what every use of subgroups declares
constexpr uint32_t kCapabilityCooperativeMatrix = 6022;
constexpr uint32_t kDimBuffer = 5;
constexpr uint32_t kSampled = 1;
constexpr uint32_t kModelCompute = 5;
constexpr uint32_t kModeLocalSizeId = 38;
constexpr uint32_t kBuiltInWorkgroupSize = 25;

using Decorations = std::map<uint32_t, uint32_t>;  // decoration -> first operand, or 0

struct Instruction {
    uint16_t op = 0;
    std::span<const uint32_t> operands;
};

struct Variable {
    uint32_t id = 0;
    uint32_t type = 0;  // of the pointer
    uint32_t storage = 0;
};

/// A module taken apart: definitions by id, decorations by id and by member.
class Module {
public:
    Module(std::span<const uint32_t> words, const std::string& name) : name_(name) { read(words); }

    ShaderInterface interface() const;

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("shader {} is not usable SPIR-V: {}", name_, why),
                          "Build the shaders again with the glslang of the set-up.");
    }
    void require(bool condition, const char* why) const {
        if (!condition) {
            fail(why);
        }
    }

    void read(std::span<const uint32_t> words);
    void read_instruction(const Instruction& instruction);
    void define(uint32_t id, const Instruction& instruction);
    const Instruction& definition(uint32_t id) const;
    const Decorations& decorations(uint32_t id) const;
    uint32_t decoration_or(const Decorations& of, Decoration which, uint32_t otherwise) const;
    uint32_t required_operand(uint32_t id, Decoration which, const char* why) const;

    const Instruction& pointee(const Variable& variable) const;
    uint32_t size_of(uint32_t type, uint32_t matrix_stride, int depth) const;
    uint32_t struct_size(uint32_t type, const Instruction& definition, int depth) const;
    uint32_t constant(uint32_t id) const;
    ShaderBinding& add_binding(std::map<uint32_t, ShaderBinding>& bindings,
                               const Variable& variable) const;
    void add_buffer(std::map<uint32_t, ShaderBinding>& bindings, const Variable& variable) const;
    void add_texels(std::map<uint32_t, ShaderBinding>& bindings, const Variable& variable) const;
    bool decorated(const Variable& variable, Decoration which) const;
    uint32_t workgroup_size_spec_id() const;

    std::string name_;
    std::unordered_map<uint32_t, Instruction> definitions_;
    std::unordered_map<uint32_t, Decorations> decorations_;
    std::map<std::pair<uint32_t, uint32_t>, Decorations> member_decorations_;
    std::vector<Variable> variables_;
    std::vector<uint32_t> workgroup_size_ids_;  // of x, y, z where they are constants by id
    uint32_t n_entry_points_ = 0;
    bool uses_subgroups_ = false;
    bool uses_matrices_ = false;
};

void Module::read(std::span<const uint32_t> words) {
    require(words.size() >= 5 && words[0] == kMagic, "no SPIR-V header");
    require(words[3] > 0 && words[3] <= kLargestBound, "id bound out of range");
    for (size_t at = 5; at < words.size();) {
        const size_t length = words[at] >> 16;
        require(length > 0 && length <= words.size() - at, "an instruction runs past the end");
        read_instruction({.op = static_cast<uint16_t>(words[at] & 0xFFFF),
                          .operands = words.subspan(at + 1, length - 1)});
        at += length;
    }
    require(n_entry_points_ == 1, "not exactly one entry point");
}

void Module::read_instruction(const Instruction& instruction) {
    const std::span<const uint32_t> operands = instruction.operands;
    const auto at_least = [&](size_t n) { require(operands.size() >= n, "operands are missing"); };
    const auto value = [&](size_t i) { return operands.size() > i ? operands[i] : 0; };
    switch (instruction.op) {
        case op_entry_point:
            at_least(2);
            require(operands[0] == kModelCompute, "not a compute shader");
            ++n_entry_points_;
            break;
        case op_capability:
            at_least(1);
            uses_subgroups_ |= operands[0] == kCapabilityGroupNonUniform;
            uses_matrices_ |= operands[0] == kCapabilityCooperativeMatrix;
            break;
        case op_execution_mode_id:
            at_least(2);
            if (operands[1] == kModeLocalSizeId) {
                workgroup_size_ids_.assign(operands.begin() + 2, operands.end());
            }
            break;
        case op_type_int:
        case op_type_float:
        case op_type_runtime_array:
            at_least(2);
            return define(operands[0], instruction);
        case op_type_vector:
        case op_type_matrix:
        case op_type_array:
        case op_type_pointer:
            at_least(3);
            return define(operands[0], instruction);
        case op_type_image:
            at_least(7);
            return define(operands[0], instruction);
        case op_type_struct:
            at_least(1);
            return define(operands[0], instruction);
        case op_constant:
        case op_spec_constant:
            at_least(3);
            return define(operands[1], instruction);
        case op_constant_composite:
        case op_spec_constant_composite:
        case op_spec_constant_true:
        case op_spec_constant_false:
            at_least(2);
            return define(operands[1], instruction);
        case op_variable:
            at_least(3);
            variables_.push_back({.id = operands[1], .type = operands[0], .storage = operands[2]});
            break;
        case op_decorate:
            at_least(2);
            decorations_[operands[0]].insert_or_assign(operands[1], value(2));
            break;
        case op_member_decorate:
            at_least(3);
            member_decorations_[{operands[0], operands[1]}].insert_or_assign(operands[2], value(3));
            break;
        default:
            break;
    }
}

void Module::define(uint32_t id, const Instruction& instruction) {
    require(definitions_.emplace(id, instruction).second, "an id is defined twice");
}

const Instruction& Module::definition(uint32_t id) const {
    const auto found = definitions_.find(id);
    require(found != definitions_.end(), "a type or constant is used but not defined");
    return found->second;
}

const Decorations& Module::decorations(uint32_t id) const {
    static const Decorations none;
    const auto found = decorations_.find(id);
    return found == decorations_.end() ? none : found->second;
}

uint32_t Module::decoration_or(const Decorations& of, Decoration which, uint32_t otherwise) const {
    const auto found = of.find(which);
    return found == of.end() ? otherwise : found->second;
}

uint32_t Module::required_operand(uint32_t id, Decoration which, const char* why) const {
    const Decorations& all = decorations(id);
    const auto found = all.find(which);
    require(found != all.end(), why);
    return found->second;
}

const Instruction& Module::pointee(const Variable& variable) const {
    const Instruction& pointer = definition(variable.type);
    require(pointer.op == op_type_pointer, "a variable's type is not a pointer");
    return definition(pointer.operands[2]);
}

uint32_t Module::constant(uint32_t id) const {
    const Instruction& found = definition(id);
    require(found.op == op_constant, "an array length is not a plain constant");
    return found.operands[2];
}

/// Bytes of a type inside a block, by its own layout decorations.
uint32_t Module::size_of(uint32_t type, uint32_t matrix_stride, int depth) const {
    require(depth < 16, "types are nested too deeply");
    const Instruction& found = definition(type);
    const auto operand = [&](size_t i) { return found.operands[i]; };
    constexpr uint32_t kLargest = 1u << 16;  // far above any push-constant block
    uint64_t size = 0;
    switch (found.op) {
        case op_type_int:
        case op_type_float:
            size = operand(1) / 8;
            break;
        case op_type_vector:
            size = uint64_t{size_of(operand(1), 0, depth + 1)} * operand(2);
            break;
        case op_type_matrix:
            size = uint64_t{matrix_stride} * operand(2);
            break;
        case op_type_array:
            size = uint64_t{required_operand(type, decoration_array_stride,
                                             "an array in a block has no stride")} *
                   constant(operand(2));
            break;
        case op_type_struct:
            size = struct_size(type, found, depth);
            break;
        default:
            fail("a push-constant block holds an unknown type");
    }
    require(size <= kLargest, "a push-constant block is too large");
    return static_cast<uint32_t>(size);
}

uint32_t Module::struct_size(uint32_t type, const Instruction& structure, int depth) const {
    uint32_t end = 0;
    for (uint32_t member = 0; member + 1 < structure.operands.size(); ++member) {
        const auto found = member_decorations_.find({type, member});
        require(found != member_decorations_.end() && found->second.contains(decoration_offset),
                "a member of a block has no offset");
        const uint32_t offset = found->second.at(decoration_offset);
        require(offset <= 1u << 16, "a push-constant block is too large");
        const uint32_t stride = decoration_or(found->second, decoration_matrix_stride, 0);
        end = std::max(end, offset + size_of(structure.operands[member + 1], stride, depth + 1));
    }
    return end;
}

/// `readonly` and `writeonly` stand on the variable (new compilers) or on every member of its
/// block.
bool Module::decorated(const Variable& variable, Decoration which) const {
    if (decorations(variable.id).contains(which)) {
        return true;
    }
    const Instruction& block = pointee(variable);
    const auto n_members = static_cast<uint32_t>(block.operands.size() - 1);
    for (uint32_t member = 0; member < n_members; ++member) {
        const auto found = member_decorations_.find({block.operands[0], member});
        if (found == member_decorations_.end() || !found->second.contains(which)) {
            return false;
        }
    }
    return n_members > 0;
}

ShaderBinding& Module::add_binding(std::map<uint32_t, ShaderBinding>& bindings,
                                   const Variable& variable) const {
    require(decoration_or(decorations(variable.id), decoration_descriptor_set, 0) == 0,
            "a binding is outside set 0");
    const uint32_t number =
        required_operand(variable.id, decoration_binding, "a buffer has no binding number");
    return bindings
        .try_emplace(number, ShaderBinding{.binding = number, .written = false, .read = false})
        .first->second;
}

void Module::add_texels(std::map<uint32_t, ShaderBinding>& bindings,
                        const Variable& variable) const {
    const Instruction& image = pointee(variable);
    require(image.op == op_type_image && image.operands[2] == kDimBuffer &&
                image.operands[6] == kSampled,
            "images and samplers are not supported");
    ShaderBinding& binding = add_binding(bindings, variable);
    binding.read = true;
    binding.texels = true;
}

void Module::add_buffer(std::map<uint32_t, ShaderBinding>& bindings,
                        const Variable& variable) const {
    const Instruction& block = pointee(variable);
    require(block.op == op_type_struct, "a binding is not a single storage buffer");
    const Decorations& kind = decorations(block.operands[0]);
    const bool old_style = variable.storage == storage_uniform;
    require(kind.contains(old_style ? decoration_buffer_block : decoration_block),
            "a binding is not a storage buffer");
    // One binding may be declared several times, to be read as different types.
    ShaderBinding& binding = add_binding(bindings, variable);
    binding.written |= !decorated(variable, decoration_non_writable);
    binding.read |= !decorated(variable, decoration_non_readable);
}

uint32_t Module::workgroup_size_spec_id() const {
    std::vector<uint32_t> sizes = workgroup_size_ids_;
    for (const auto& [id, found] : definitions_) {
        const Decorations& all = decorations(id);
        if (found.op == op_spec_constant_composite && all.contains(decoration_built_in) &&
            all.at(decoration_built_in) == kBuiltInWorkgroupSize) {
            sizes.assign(found.operands.begin() + 2, found.operands.end());
        }
    }
    return sizes.empty() ? UINT32_MAX
                         : decoration_or(decorations(sizes[0]), decoration_spec_id, UINT32_MAX);
}

ShaderInterface Module::interface() const {
    ShaderInterface out;
    std::map<uint32_t, ShaderBinding> bindings;
    for (const Variable& variable : variables_) {
        switch (variable.storage) {
            case storage_buffer:
            case storage_uniform:
                add_buffer(bindings, variable);
                break;
            case storage_push_constant: {
                const uint32_t type = definition(variable.type).operands[2];
                out.push_bytes = std::max(out.push_bytes, size_of(type, 0, 0));
                break;
            }
            case storage_uniform_constant:
                add_texels(bindings, variable);
                break;
            default:
                break;
        }
    }
    for (const auto& [number, binding] : bindings) {
        require(number == out.bindings.size(), "binding numbers have a gap");
        out.bindings.push_back(binding);
    }
    for (const auto& [id, all] : decorations_) {
        if (all.contains(decoration_spec_id)) {
            out.spec_ids.push_back(all.at(decoration_spec_id));
        }
    }
    // glslang may declare the workgroup size twice, under the same id.
    std::sort(out.spec_ids.begin(), out.spec_ids.end());
    out.spec_ids.erase(std::unique(out.spec_ids.begin(), out.spec_ids.end()), out.spec_ids.end());
    out.workgroup_size_spec_id = workgroup_size_spec_id();
    out.uses_subgroups = uses_subgroups_;
    out.uses_matrices = uses_matrices_;
    return out;
}

}  // namespace

ShaderInterface reflect(std::span<const uint32_t> words, const std::string& name) {
    return Module(words, name).interface();
}

}  // namespace gpu
