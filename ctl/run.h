// What the verbs do. Each returns the exit code.
#pragma once
#include "ctl/output.h"
#include "ctl/verbs.h"

namespace init::ctl {

int run_job(const Request& request, Output& output);  // start, stop, restart, try-restart, reload
int run_kill(const Request& request, Output& output);
int run_trigger(const Request& request, Output& output);
int run_reset_failed(const Request& request, Output& output);
int run_daemon_reload(const Request& request, Output& output);
int run_renew(const Request& request, Output& output);
int run_power(const Request& request, Output& output);  // exit, poweroff, reboot, halt

int run_status(const Request& request, Output& output);
int run_list(const Request& request, Output& output);
int run_is_active(const Request& request, Output& output);
int run_is_failed(const Request& request, Output& output);
int run_is_system_running(const Request& request, Output& output);
int run_cat(const Request& request, Output& output);
int run_why(const Request& request, Output& output);
int run_inspect(const Request& request, Output& output);  // reads /proc itself

int run_logs(const Request& request, Output& output);  // reads the files itself

int run_report(const Request& request, Output& output);
int run_rescue(const Request& request, Output& output);  // asks PID 1 itself

int run_verify(const Request& request, Output& output);  // asks no manager

int run_help(const Request& request, Output& output);
int run_complete(const Request& request, Output& output);
int run_version(const Request& request, Output& output);

}  // namespace init::ctl
