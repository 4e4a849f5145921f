// Replies to screens. Pure: the same reply and style give the same text. Every string that is not our own
// goes through printable(). Each text ends with a line break.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ctl/text.h"
#include "libinit/api/message.h"

namespace init::ctl {

[[nodiscard]] std::string render_status(const Style& style, const api::Status& status);
[[nodiscard]] std::string render_system(const Style& style, const api::SystemReply& system);
[[nodiscard]] std::string render_list(const Style& style, const api::ListReply& list);
[[nodiscard]] std::string render_why(const Style& style, const api::WhyReply& why);
[[nodiscard]] std::string render_plan(const Style& style, const api::PlanReply& plan);
[[nodiscard]] std::string render_cat(const Style& style, const api::CatReply& cat);
[[nodiscard]] std::string render_reload(const Style& style, const api::DaemonReloadReply& reload);

// The end of a job: what happened, what the culprit said when it went badly, and the next step.
[[nodiscard]] std::string render_job(const Style& style, const api::JobReply& job);
// What a job waits for, on one line without a line break.
[[nodiscard]] std::string render_progress(const Style& style, const api::JobReply& job);
[[nodiscard]] std::string render_error(const Style& style, const api::CallError& error);

struct LogRecord;  // log_source.h
// A line of a log for people, and as an object of JSON; each ends with a line break.
[[nodiscard]] std::string render_log(const Style& style, const LogRecord& record, bool with_unit);
[[nodiscard]] std::string log_json(const LogRecord& record);

// "●", coloured by the state.
[[nodiscard]] std::string mark(const Style& style, api::State state);

}  // namespace init::ctl
