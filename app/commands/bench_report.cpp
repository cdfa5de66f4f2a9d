#include "app/commands/bench_report.h"

#include "app/commands/args.h"
#include "app/json_out.h"
#include "gpu/sizes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <type_traits>

#include <fmt/format.h>

namespace app {

namespace {

double mean(const std::vector<double>& values) {
    return values.empty()
               ? 0
               : std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

double deviation(const std::vector<double>& values) {
    if (values.size() < 2) {
        return 0;
    }
    const double middle = mean(values);
    double sum = 0;
    for (const double value : values) {
        sum += (value - middle) * (value - middle);
    }
    return std::sqrt(sum / double(values.size() - 1));
}

std::vector<double> as_doubles(const std::vector<uint64_t>& values) {
    return {values.begin(), values.end()};
}

/// "0.1.0" -> 100: what stands where llama-bench has a counter of its builds.
uint32_t build_number() {
    uint32_t number = 0, part = 0;
    for (const char letter : std::string(version()) + ".") {
        if (letter == '.') {
            number = number * 100 + part;
            part = 0;
        } else if (letter >= '0' && letter <= '9') {
            part = part * 10 + uint32_t(letter - '0');
        }
    }
    return number;
}

class Fields {
public:
    void text(std::string_view name, std::string_view value) {
        list_.push_back({name, std::string(value), BenchField::Kind::text});
    }
    template <class Number>
    void number(std::string_view name, Number value) {
        std::string digits;
        if constexpr (std::is_floating_point_v<Number>) {
            digits = json_number(value);
        } else {
            digits = fmt::format("{}", value);
        }
        list_.push_back({name, std::move(digits), kind_of<Number>()});
    }
    template <class Number>
    void number(std::string_view name, const std::optional<Number>& value) {
        if (value) {
            number(name, *value);
        } else {
            list_.push_back({name, "null", kind_of<Number>()});
        }
    }
    template <class Number>
    void numbers(std::string_view name, const std::vector<Number>& values) {
        JsonArray array;
        for (const Number value : values) {
            array.raw(fmt::format("{}", value));
        }
        list_.push_back({name, array.str(), BenchField::Kind::list});
    }
    std::vector<BenchField> take() { return std::move(list_); }

private:
    template <class Number>
    static constexpr BenchField::Kind kind_of() {
        return std::is_floating_point_v<Number> ? BenchField::Kind::real : BenchField::Kind::whole;
    }
    std::vector<BenchField> list_;
};

void add_llama_bench_fields(Fields& f, const BenchSystem& s, const BenchResult& r) {
    f.text("build_commit", version());
    f.number("build_number", build_number());
    f.text("cpu_info", s.cpu_info);
    f.text("gpu_info", s.gpu_info);
    f.text("backends", "Vulkan");
    f.text("model_filename", s.model_filename);
    f.text("model_type", s.model_type);
    f.number("model_size", s.model_size);
    f.number("model_n_params", s.model_n_params);
    f.number("n_batch", r.test.n_batch);
    f.number("n_ubatch", r.test.n_ubatch);
    f.number("n_threads", 1u);  // of the host, while it decodes
    f.text("type_k", r.test.type_k == model::DType::f16 ? "f16" : "f32");
    f.text("type_v", r.test.type_v == model::DType::f16 ? "f16" : "f32");
    f.number("n_gpu_layers", s.n_gpu_layers);
    f.number("n_prompt", r.test.n_prompt);
    f.number("n_gen", r.test.n_gen);
    f.number("n_depth", r.test.n_depth);
    f.text("test_time", r.test_time);
    f.number("avg_ns", uint64_t(std::llround(r.avg_ns())));
    f.number("stddev_ns", uint64_t(std::llround(r.stddev_ns())));
    f.number("avg_ts", r.avg_ts());
    f.number("stddev_ts", r.stddev_ts());
    f.numbers("samples_ns", r.samples_ns);
    f.numbers("samples_ts", r.samples_ts());
}

/// In one step, whatever its rows; NaN where there was none.
double levels_per_layer(const BenchSystem& s, const BenchResult& r) {
    return double(r.n_layer_levels) / (double(r.n_steps()) * double(s.n_layers));
}

void add_our_fields(Fields& f, const BenchSystem& s, const BenchResult& r) {
    f.text("device_uuid", s.device_uuid);
    f.text("driver_name", s.driver_name);
    f.text("driver_version", s.driver_version);
    f.text("vk_api", s.vk_api);
    f.number("subgroup_size", s.subgroup_size);
    f.text("path", s.path);
    f.number("tokens_in_flight", r.tokens_in_flight);
    f.number("capture", uint32_t(r.test.capture));
    f.number("kernels", r.n_kernels);
    f.number("n_layers", s.n_layers);
    f.number("levels_per_token", r.per_token(double(r.n_levels)));
    f.number("levels_per_layer", levels_per_layer(s, r));
    f.number("dispatches_per_token", r.per_token(double(r.n_dispatches)));
    f.number("submits_per_token", r.per_token(double(r.n_submits)));
    f.number("bytes_per_token", r.per_token(r.bytes));
    f.number("host_us_per_token", r.per_token(r.host_ns) / 1000);
    f.number("gb_per_s", r.gb_per_s());
    f.number("copy_gb_per_s", s.copy_gb_per_s);
    f.number("peak_share", s.copy_gb_per_s > 0 ? r.gb_per_s() / s.copy_gb_per_s : std::nan(""));
    f.number("memory_bytes", r.memory_bytes);
    f.number("memory_peak_bytes", r.memory_peak_bytes);
    f.number("device_bytes", r.device_bytes);
    f.number("load_ms", s.load_ms);
    f.number("load_average", r.load_average);
}

/// One JSON object, `separator` between the fields.
std::string object(const std::vector<BenchField>& fields, std::string_view separator,
                   std::string_view indent) {
    std::string text;
    for (const BenchField& field : fields) {
        text += fmt::format(
            "{}{}\"{}\": {}", text.empty() ? "" : separator, indent, field.name,
            field.kind == BenchField::Kind::text ? json_string(field.value) : field.value);
    }
    return text;
}

/// Fields that CSV and SQL have: all but lists, as in llama-bench.
std::vector<BenchField> flat(std::vector<BenchField> fields) {
    std::erase_if(fields, [](const auto& f) { return f.kind == BenchField::Kind::list; });
    return fields;
}

/// `text` between `quote`s, those inside doubled: CSV and SQL alike.
std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char letter : text) {
        out += letter;
        if (letter == quote) {
            out += quote;
        }
    }
    return out + quote;
}

std::string names_of(const std::vector<BenchField>& fields, std::string_view separator) {
    std::string line;
    for (const BenchField& field : fields) {
        line += (line.empty() ? "" : std::string(separator)) + std::string(field.name);
    }
    return line;
}

std::string values_of(const std::vector<BenchField>& fields, std::string_view separator,
                      char quote) {
    std::string line;
    for (const BenchField& field : fields) {
        line += (line.empty() ? "" : std::string(separator)) + quoted(field.value, quote);
    }
    return line;
}

std::string create_table(const std::vector<BenchField>& fields) {
    std::string text = "CREATE TABLE IF NOT EXISTS llama_bench (\n";
    for (size_t i = 0; i < fields.size(); ++i) {
        const BenchField::Kind kind = fields[i].kind;
        const char* const type = kind == BenchField::Kind::text    ? "TEXT"
                                 : kind == BenchField::Kind::whole ? "INTEGER"
                                                                   : "REAL";
        text += fmt::format("  {} {}{}\n", fields[i].name, type, i + 1 < fields.size() ? "," : "");
    }
    return text + ");\n\n";
}

constexpr const char* kTableHead =
    "| model                  |       size |     params | backend | ngl |   ub | kv      "
    "|             test |              t/s |   GB/s | of copy | levels (a layer) | dispatches | "
    "host us |\n"
    "| ---------------------- | ---------: | ---------: | ------- | --: | ---: | ------- "
    "| ---------------: | ---------------: | -----: | ------: | ---------------: | ---------: | "
    "------: |\n";

std::string table_row(const BenchSystem& s, const BenchResult& r) {
    const auto type = [](model::DType t) { return t == model::DType::f16 ? "f16" : "f32"; };
    return fmt::format(
        "| {:<22} | {:>6.2f} MiB | {:>8.2f} M | Vulkan  | {:>3} | {:>4} | {}/{} | {:>16} | "
        "{:>7.2f} ± {:>6.2f} | {:>6.2f} | {:>5.0f} % | {:>6.1f} ({:>7.2f}) | {:>10.1f} | {:>7.0f} "
        "|\n",
        s.model_type, base::mib(s.model_size), double(s.model_n_params) / 1e6, s.n_gpu_layers,
        r.test.n_ubatch, type(r.test.type_k), type(r.test.type_v), bench_test_name(r.test),
        r.avg_ts(), r.stddev_ts(), r.gb_per_s(), 100 * r.gb_per_s() / s.copy_gb_per_s,
        r.per_token(double(r.n_levels)), levels_per_layer(s, r),
        r.per_token(double(r.n_dispatches)), r.per_token(r.host_ns) / 1000);
}

}  // namespace

double BenchResult::avg_ns() const {
    return mean(as_doubles(samples_ns));
}

double BenchResult::stddev_ns() const {
    return deviation(as_doubles(samples_ns));
}

std::vector<double> BenchResult::samples_ts() const {
    std::vector<double> rates;
    for (const uint64_t ns : samples_ns) {
        rates.push_back(1e9 * double(test.n_tokens()) / double(std::max<uint64_t>(ns, 1)));
    }
    return rates;
}

double BenchResult::avg_ts() const {
    return mean(samples_ts());
}

double BenchResult::stddev_ts() const {
    return deviation(samples_ts());
}

double BenchResult::median_ts() const {
    std::vector<double> rates = samples_ts();
    std::sort(rates.begin(), rates.end());
    const size_t n = rates.size();
    return n == 0 ? 0 : (rates[(n - 1) / 2] + rates[n / 2]) / 2;
}

double BenchResult::gb_per_s() const {
    return bytes / std::max(avg_ns() * double(samples_ns.size()), 1.0);
}

double BenchResult::per_token(double sum) const {
    return sum / std::max(double(test.n_tokens()) * double(samples_ns.size()), 1.0);
}

uint64_t BenchResult::n_steps() const {
    const uint32_t chunk = std::max(test.n_ubatch, 1u);
    return samples_ns.size() * ((uint64_t{test.n_prompt} + chunk - 1) / chunk + test.n_gen);
}

std::string capture_line(const BenchResult& without, const BenchResult& with) {
    const auto speed = [](const BenchResult& r) {
        const std::vector<double> rates = r.samples_ts();
        const auto [low, high] = std::ranges::minmax_element(rates);
        return rates.empty() ? std::string("none")
                             : fmt::format("{:.2f} ({:.2f} to {:.2f})", r.median_ts(), *low, *high);
    };
    const auto more = [](double a, double b) { return a > 0 ? 100 * (b / a - 1) : 0; };
    return fmt::format(
        "{}: {} tokens/s, captured {}, {:+.1f} %; bytes {:+.1f} %, dispatches "
        "{:+.1f} %",
        bench_test_name(without.test), speed(without), speed(with),
        more(without.median_ts(), with.median_ts()), more(without.bytes, with.bytes),
        more(double(without.n_dispatches), double(with.n_dispatches)));
}

std::vector<BenchField> bench_fields(const BenchSystem& system, const BenchResult& result) {
    Fields fields;
    add_llama_bench_fields(fields, system, result);
    add_our_fields(fields, system, result);
    return fields.take();
}

std::string BenchWriter::begin() const {
    switch (format_) {
        case BenchFormat::markdown:
            return kTableHead;
        case BenchFormat::csv:
            return names_of(flat(bench_fields(system_, {})), ",") + "\n";
        case BenchFormat::json:
            return "[\n";
        case BenchFormat::sql:
            return create_table(flat(bench_fields(system_, {})));
        case BenchFormat::jsonl:
        case BenchFormat::none:
            break;
    }
    return "";
}

std::string BenchWriter::row(const BenchResult& result) {
    const bool first = n_rows_++ == 0;
    const std::vector<BenchField> fields = bench_fields(system_, result);
    switch (format_) {
        case BenchFormat::markdown:
            return table_row(system_, result);
        case BenchFormat::csv:
            return values_of(flat(fields), ",", '"') + "\n";
        case BenchFormat::json:
            return fmt::format("{}  {{\n{}\n  }}", first ? "" : ",\n",
                               object(fields, ",\n", "    "));
        case BenchFormat::jsonl:
            return "{" + object(fields, ", ", "") + "}\n";
        case BenchFormat::sql:
            return fmt::format("INSERT INTO llama_bench ({}) VALUES ({});\n",
                               names_of(flat(fields), ", "), values_of(flat(fields), ", ", '\''));
        case BenchFormat::none:
            break;
    }
    return "";
}

std::string BenchWriter::end() const {
    switch (format_) {
        case BenchFormat::markdown:
            return fmt::format("\nbuild: {} ({})\n", version(), build_number());
        case BenchFormat::json:
            return n_rows_ > 0 ? "\n]\n" : "]\n";
        default:
            return "";
    }
}

}  // namespace app
