// The sampler's stages, top to bottom, with the tokens left after each; sliders work on the full
// row at once, without a forward pass.
#include <array>
#include <cmath>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

/// One stage of the sampler; a stage with a slider names its field of model::sampling_fields().
struct StageRow {
    model::SamplerStage stage;
    std::string_view label, id, field, tooltip;
    SliderOptions slider;
};

const std::array<StageRow, size_t(kSamplerRows)> kRows = {{
    {model::SamplerStage::raw,
     "raw",
     "",
     "",
     "As the model gives them: softmax at temperature 1",
     {}},
    {model::SamplerStage::penalties,
     "repeat",
     "sampler.repeat",
     "repeat_penalty",
     "Divides the scores of tokens that were there already; 1 = off",
     {.min = 1, .max = 2}},
    {model::SamplerStage::temperature,
     "temp.",
     "sampler.temperature",
     "temperature",
     "Below 1: likelier tokens more often. 0: always the likeliest",
     {.max = 2}},
    {model::SamplerStage::top_k,
     "top-k",
     "sampler.top_k",
     "top_k",
     "Keep the k likeliest; 0 = off",
     {.max = 1000, .step = 1, .digits = 0, .logarithmic = true}},
    {model::SamplerStage::top_p,
     "top-p",
     "sampler.top_p",
     "top_p",
     "Keep the likeliest that together hold p; 1 = off",
     {.min = 0.01}},
    {model::SamplerStage::min_p,
     "min-p",
     "sampler.min_p",
     "min_p",
     "Drop what is less likely than this share of the likeliest; 0 = off",
     {}},
    {model::SamplerStage::final, "final", "", "", "What the token is drawn from", {}},
}};

void stage_slider(Panel& p, const StageRow& row, const Rect& track, float value_right) {
    const model::SamplingField& field = model::sampling_field(row.field);
    SliderOptions options = row.slider;
    options.tooltip = row.tooltip;
    options.enabled = p.state.computes();
    double value = model::field_value(p.state.sampling, field);
    // Without a model there is nothing that the value could differ from.
    options.standard = p.state.ready() ? model::field_value(p.state.model->sampling, field) : value;
    if (slider(p.gui, row.id, track, value_right, value, options)) {
        model::set_field(p.state.sampling, field, value);
    }
}

}  // namespace

void draw_sampler(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float x = r.x + gui.px(16), right = r.right() - gui.px(16);
    const float title = r.y + gui.px(12);
    gui.text(type::kTitle, x, title, "Sampler");
    const bool have =
        p.state.selected_in_cache() && p.state.selection.position > 0 && compute_stages(p);
    gui.text_right(with(type::kNote, Color::text3), right, title,
                   p.state.ready() && p.state.model->replayed ? "as recorded"
                   : have                                     ? "tokens left"
                                                              : "next answer");
    const float first = r.y + gui.px(36), step = gui.px(26);
    const float dot = x + gui.px(4);
    gui.fill({dot - gui.px(0.75f), first, gui.px(1.5f), step * float(kSamplerRows - 1)},
             Color::edge);
    for (size_t i = 0; i < kRows.size(); ++i) {
        const StageRow& row = kRows[i];
        const float cy = std::round(first + step * float(i));
        const bool chosen = p.view.stage == int(row.stage);
        const Rect place{x - gui.px(6), cy - gui.px(12), gui.px(58), gui.px(24)};
        const Hit hit = gui.hit("stage." + std::string(row.label), place, "option", row.label);
        gui.tooltip(std::string(row.tooltip) + "\nClick: show the bars after this stage");
        if (hit.clicked) {
            p.view.stage = int(row.stage);
        }
        gui.draw()->AddCircleFilled({dot, cy}, gui.px(4.5f),
                                    gui.color(chosen ? Color::accent : Color::inspector));
        gui.draw()->AddCircle({dot, cy}, gui.px(3.6f),
                              gui.color(chosen || hit.hovered ? Color::accent : Color::text3), 0,
                              gui.px(1.5f));
        gui.text({chosen ? Face::medium : Face::regular, 12, Color::text}, x + gui.px(18), cy,
                 row.label);
        const Rect track{x + gui.px(70), cy - gui.px(12), right - gui.px(110) - x - gui.px(70),
                         gui.px(24)};
        if (!row.id.empty()) {
            stage_slider(p, row, track, right - gui.px(66));
        }
        if (have) {
            for (const model::StageResult& s : p.view.stages.stages) {
                if (s.stage == row.stage) {
                    gui.number(type::kValue, right, cy, "left." + std::string(row.label), s.n_left,
                               thousands(s.n_left));
                }
            }
        }
    }
}

}  // namespace app::ui
