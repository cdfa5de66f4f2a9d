// sample_bins.glsl    the 256 bins that sample_mass fills and sample_search searches: equal steps of
// the logit from the largest down to the last that matters. The includer binds `head`.

// Bins per unit of the logit. Below 31.5 temperatures from the largest every weight is 0.
float bins_per_unit() {
    const float smallest_scale = min(p.cut_scale_hi, p.draw_scale_hi);
    precise float spread = logit_of(head.key) - logit_of(head.least_key);
    spread = min(spread, 31.5 * exact_rcp(smallest_scale));
    return 255.9 * exact_rcp(max(spread, 1e-6));
}

// Never falls as the logit falls; what lies below the last bin is in it.
uint bin_of(float logit, float largest, float per_unit) {
    precise float distance = largest - logit;
    precise float bin = min(distance * per_unit, 255.0);
    return uint(bin);
}
