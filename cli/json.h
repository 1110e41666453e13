/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers for programs: what --json prints is a contract, and each shape is made in one place. */
#pragma once

#include "cli/cli.h"

#include <jansson.h>

/** A string, or null for NULL; bytes that are not UTF-8 are written as \xNN. */
json_t *vzr_cli_json_text(const char *text);

/** A number. */
json_t *vzr_cli_json_number(uint64_t value);

/** A number, or null when @value is @none. */
json_t *vzr_cli_json_optional(uint64_t value, uint64_t none);

/** jansson's json_pack() that never returns NULL. */
json_t *vzr_cli_json_pack(const char *fmt, ...);

/** {"code", "message", "line", "column"}. */
json_t *vzr_cli_json_error(const struct vzr_error *err);

/** {"type", "name", "uuid", "ctid"}; @domain may be NULL: every value is null. */
json_t *vzr_cli_json_domain(const struct vzr_domain *domain);

/** {"type", "source", "target"}; @domain may be NULL. */
json_t *vzr_cli_json_root(const struct vzr_domain *domain);

/** {"vm", "users", "groups"}; @vm may be NULL: every limit is null. */
json_t *vzr_cli_json_limits(const struct vzr_limits *vm, const struct vzr_owner_limits *users,
			    size_t n_users, const struct vzr_owner_limits *groups, size_t n_groups);

/** The plan, or null for NULL. */
json_t *vzr_cli_json_plan(const struct vzr_plan *plan);

/** A container as "list" and "show" print it. */
json_t *vzr_cli_json_container(const struct vzr_container *container);

/** A template as "template list" and "template show" print it. */
json_t *vzr_cli_json_template(const struct vzr_template *tmpl);

/** A container that was just made, as "create" prints it. */
json_t *vzr_cli_json_created(const struct vzr_container *container);

/** An event, or NULL if it is not to be shown. */
json_t *vzr_cli_json_event(struct cli *cli, const struct vzr_event *event);

/** Prints @value (taken over) as one line on standard output, at once. */
void vzr_cli_json_print(json_t *value);
