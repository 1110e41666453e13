/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the command share: the tables of commands and options, one run's state. */
#pragma once

#include "engine/vzroot.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct cli;
struct cli_document;
struct cli_batch_view;
struct json_t;

#define CLI_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- tables ------------------------------------------------------------------------------- */

/** What completes an argument in a shell. */
enum cli_complete {
	CLI_COMPLETE_NONE,
	CLI_COMPLETE_FILE,
	CLI_COMPLETE_DIRECTORY,
	CLI_COMPLETE_CTID,     /**< the containers that "list" knows */
	CLI_COMPLETE_TEMPLATE, /**< the templates that "template list" knows without a network */
	CLI_COMPLETE_KEY,      /**< a key of the configuration and "=" */
	CLI_COMPLETE_COMMAND   /**< a command's name */
};

/** One option; a table of them ends with a NULL name. It feeds getopt_long, help and completion. */
struct cli_option {
	const char *name; /**< long name without dashes */
	char letter;	  /**< short form, or 0 */
	const char *arg;  /**< what the argument is called, or NULL for a flag */
	const char *help; /**< half a sentence; NULL: for our own build only, never shown */
	enum cli_complete complete; /**< of the argument */
	bool repeat;		    /**< may be given several times */
	size_t offset;		    /**< of the field in the context that apply() gets */
	/** Puts @value (NULL for a flag) into @field. 0, or an error with its sentence. */
	int (*apply)(void *field, const char *value, struct vzr_error *err);
};

/** One command, one file: cli/cmd_NAME.c defines vzr_cmd_NAME. */
struct cli_command {
	const char *name;	    /**< as typed: "create", "template pull" */
	const char *args;	    /**< operands for the usage line, "" if none */
	const char *summary;	    /**< half a sentence, no full stop, at most 60 characters */
	const char *details;	    /**< more lines for --help, each at most 80 columns; or NULL */
	int min_args;		    /**< least operands */
	int max_args;		    /**< most operands; -1: any number */
	enum cli_complete complete; /**< of the operands */
	bool reports;		    /**< only looks: with --json no events, just the answer */
	const struct cli_option *options; /**< or NULL */
	size_t context_size; /**< size of the zeroed struct that the options fill; 0: none */
	/** Does it; @argv holds @argc operands. 0 or an error (vzr_cli_report() may have told). */
	int (*run)(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err);
};

/** Command number @index in the order of the build's list, or NULL past the end. */
const struct cli_command *vzr_cli_command_get(size_t index);

/** The command whose words, joined by one blank, are @name; or NULL. */
const struct cli_command *vzr_cli_command_find(const char *name);

/** True if @name is the first word of commands of two words. */
bool vzr_cli_command_is_group(const char *name);

/** The options that every command takes. Ends with a NULL name. */
const struct cli_option *vzr_cli_globals(void);

/* apply() functions for options */

/** Sets the bool @field. */
int vzr_cli_set_flag(void *field, const char *value, struct vzr_error *err);

/** Lets the const char * @field point to @value. */
int vzr_cli_set_text(void *field, const char *value, struct vzr_error *err);

/** Reads a CTID (1..2147483647, digits, no leading zero) into the uint32_t @field. */
int vzr_cli_set_ctid(void *field, const char *value, struct vzr_error *err);

/* ---- one run ------------------------------------------------------------------------------ */

#define CLI_SETS_MAX 64

/** Values of --set in the order given; they point into argv. */
struct cli_sets {
	const char *values[CLI_SETS_MAX]; /**< "KEY=VALUE" */
	size_t count;			  /**< of values */
};

/** How events are shown, and where: see choose_render() in main.c. */
struct cli_render {
	/** Shows one event. */
	void (*event)(struct cli *cli, const struct vzr_event *event);
	/** Takes a progress line away before something else is printed; NULL: there is none. */
	void (*clear)(struct cli *cli);
};

/** Everything that one run knows. Lives in main(). */
struct cli {
	const char *root;	     /**< --root, or NULL */
	const char *config;	     /**< --config, or NULL */
	struct cli_sets sets;	     /**< --set */
	bool json;		     /**< --json */
	bool quiet;		     /**< -q */
	bool verbose;		     /**< -v */
	bool help;		     /**< --help */
	bool version;		     /**< --version */
	bool dump_options;	     /**< --dump-options */
	bool dump_exit_codes;	     /**< --dump-exit-codes */
	bool dump_settings;	     /**< --dump-settings */
	const char *dump_completion; /**< --dump-completion SHELL, or NULL */
	bool dumb;		     /**< the terminal says that it cannot move its cursor */

	struct vzr_settings *settings;	 /**< NULL until vzr_cli_open() */
	struct vzr_engine *engine;	 /**< NULL until vzr_cli_open() */
	const struct cli_render *render; /**< never NULL once the options are read */
	FILE *log;			 /**< where lines about events go; set with @render */
	struct json_t *warnings; /**< when set, warnings are collected here instead of shown */
	bool reports;		 /**< see struct cli_command */
	uint64_t drawn_ms;	 /**< when the last progress was shown; 0: never */
	bool drawn;		 /**< a progress line is on the terminal */
	struct cli_batch_view *batch; /**< the batch that is shown, or NULL */
	int first_error;	 /**< the first code that vzr_cli_report() told; decides the exit */
};

/** Reads the settings (built-in, file, environment, command line) and opens the engine. */
VZR_CHECK int vzr_cli_open(struct cli *cli, struct vzr_error *err);

/** Only the settings, for what needs no engine. */
VZR_CHECK int vzr_cli_open_settings(struct cli *cli, struct vzr_error *err);

/** Closes what vzr_cli_open() opened. */
void vzr_cli_close(struct cli *cli);

/** Tells @err on standard error (with --json also as an object) and remembers the first code. */
void vzr_cli_report(struct cli *cli, const struct vzr_error *err);

/** Like vzr_cli_report() without the object: for answers that carry the error themselves. */
void vzr_cli_report_text(struct cli *cli, const struct vzr_error *err);

/** Receives the engine's events; @data is the struct cli. */
void vzr_cli_event(void *data, const struct vzr_event *event);

/** Writes "vzroot: warning: TEXT" on standard error. */
void vzr_cli_warn(struct cli *cli, const char *text);

/** True when progress is due: the first time, then every 200 ms, and always for the last. */
bool vzr_cli_progress_due(struct cli *cli, const struct vzr_event *event);

extern const struct cli_render vzr_cli_render_plain; /**< one line per notable event */
extern const struct cli_render vzr_cli_render_tty;   /**< a progress line on a terminal */
extern const struct cli_render vzr_cli_render_json;  /**< one object per event */

/* ---- options, help, what the build asks for ----------------------------------------------- */

/** The words of the command line, taken apart. */
struct cli_line {
	const struct cli_command *command; /**< NULL: none was given, or a group */
	const char *group; /**< the group's name when only that was given, or NULL */
	void *context;	   /**< the command's options; to be freed */
	char **operands;   /**< lent from argv */
	int n_operands;	   /**< of operands */
};

/** Reads the command line into @cli and @ret_line (also on failure: what was understood). */
VZR_CHECK int vzr_cli_parse(struct cli *cli, int argc, char **argv, struct cli_line *ret_line,
			    struct vzr_error *err);

/** Prints the help of @command, of the group @group, or of vzroot itself (both NULL). */
void vzr_cli_help(const struct cli_command *command, const char *group);

/** One line per option: command, --name, -letter, argument, help; separated by tabs. */
void vzr_cli_dump_options(void);

/** Every key of the configuration as scdoc text. */
VZR_CHECK int vzr_cli_dump_settings(struct vzr_error *err);

/** The completion script for @shell: bash, zsh or fish. */
VZR_CHECK int vzr_cli_dump_completion(const char *shell, struct vzr_error *err);

/** The exit status for @code (0 or negative). */
int vzr_cli_exit_status(int code);

/** The table of exit codes as scdoc text, for the man page. */
void vzr_cli_dump_exit_codes(void);

/* ---- the process -------------------------------------------------------------------------- */

/** Descriptors 0 to 2 open, umask 022, signals caught, environment empty but for a safe PATH. */
void vzr_cli_process_init(struct cli *cli);

/** From now on SIGINT, SIGTERM and SIGHUP cancel @engine (NULL: no engine any more). */
void vzr_cli_process_engine(struct vzr_engine *engine);

/** -VZR_E_CANCELLED with a message if a signal asked to end, else 0. */
VZR_CHECK int vzr_cli_process_cancelled(struct vzr_error *err);

/* ---- small things ------------------------------------------------------------------------- */

/** Fills @err with a sentence of printable characters and returns @code. */
int vzr_cli_fail(struct vzr_error *err, int code, const char *fmt, ...) CLI_PRINTF(3, 4)
	__attribute__((cold));

/** Writes what is waiting for standard output; the reason of a failure is kept. */
void vzr_cli_flush(void);

/** Closes standard output. 0, or the error that kept anything from being written. */
VZR_CHECK int vzr_cli_close_output(struct vzr_error *err);

/** Ends the process: no memory is left for what it has to say. */
void vzr_cli_no_memory(void) __attribute__((cold, noreturn));

/** Opens @path for reading ("-": standard input); refuses what is not a regular file. */
VZR_CHECK int vzr_cli_open_input(const char *path, int *ret_fd, struct vzr_error *err);

/** Frees what the pointer variable at @p points to. */
static inline void vzr_cli_freep(void *p)
{
	free(*(void **)p);
}

/** Closes the descriptor unless it is negative or standard input. */
static inline void vzr_cli_closep(int *fd)
{
	if (*fd > 2)
		close(*fd);
}

/** Frees the domain of the variable. */
static inline void vzr_cli_domainp(struct vzr_domain **domain)
{
	vzr_domain_free(*domain);
}

/** Frees the plan of the variable. */
static inline void vzr_cli_planp(struct vzr_plan **plan)
{
	vzr_plan_free(*plan);
}

/** Frees the container of the variable. */
static inline void vzr_cli_containerp(struct vzr_container **container)
{
	vzr_container_free(*container);
}

/** Frees the template of the variable. */
static inline void vzr_cli_templatep(struct vzr_template **tmpl)
{
	vzr_template_free(*tmpl);
}

#define CLI_AUTO_FREE __attribute__((cleanup(vzr_cli_freep)))
#define CLI_AUTO_CLOSE __attribute__((cleanup(vzr_cli_closep)))
#define CLI_AUTO_DOMAIN __attribute__((cleanup(vzr_cli_domainp)))
#define CLI_AUTO_PLAN __attribute__((cleanup(vzr_cli_planp)))
#define CLI_AUTO_CONTAINER __attribute__((cleanup(vzr_cli_containerp)))
#define CLI_AUTO_TEMPLATE __attribute__((cleanup(vzr_cli_templatep)))
