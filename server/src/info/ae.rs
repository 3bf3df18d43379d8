//! The section `ae`: the settings of the loop, and the mean times of followed requests.

use super::line;
use crate::server::Server;
use crate::timeline::PARTS;

/// Means in microseconds; `AE STATS` has the distributions.
pub(super) fn ae(text: &mut String, server: &Server) {
    let (settings, timeline) = (server.config.settings(), &server.observe.timeline);
    line(text, "ae_backend", server.identity.api_name);
    line(text, "ae_io_model", settings.io.io_model.name());
    line(text, "ae_io_threads", settings.io.io_threads);
    line(text, "ae_timeline_note", settings.timeline_note());
    line(text, "ae_batch", u8::from(settings.io.ae_batch));
    line(text, "ae_reply_immediately", u8::from(settings.io.reply_immediately));
    line(text, "ae_inject", server.config.text("inject"));
    line(text, "ae_trace", u8::from(timeline.is_on()));
    line(text, "ae_trace_sample", timeline.sample());
    line(text, "ae_trace_requests", timeline.positions.count());
    line(text, "ae_events_per_wake_p50", timeline.events_per_wake.quantile(0.5));
    line(text, "ae_events_per_wake_max", timeline.events_per_wake.max());
    line(text, "ae_position_in_batch_p50", timeline.positions.quantile(0.5));
    line(text, "ae_position_in_batch_max", timeline.positions.max());
    for (id, class) in timeline.classes() {
        let name = server.commands.rows()[id].full_name();
        let mut value = format!("count={}", class.total.count());
        let named = PARTS.iter().zip(&class.parts).chain([(&"total", &class.total)]);
        for (part, values) in named {
            let mean_us = values.sum as f64 / values.count().max(1) as f64 / 1000.0;
            value.push_str(&format!(",{part}={mean_us:.3}"));
        }
        line(text, &format!("ae_timeline_{name}"), value);
    }
}
