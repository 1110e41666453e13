/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers for people: aligned tables, sizes, limits, times. */
#pragma once

#include "cli/cli.h"

#define CLI_COLUMNS_MAX 8

/** A table that is printed when all its rows are known. Zero-initialise. */
struct cli_table {
	char *(*rows)[CLI_COLUMNS_MAX]; /**< cells, owned */
	size_t count;			/**< of rows */
	size_t room;			/**< rows that fit */
	bool right[CLI_COLUMNS_MAX];	/**< columns that are numbers */
};

/** Adds a row of @n cells (copied; NULL: "-"); what a terminal would act upon is escaped. */
void vzr_cli_table_row(struct cli_table *table, const char *const *cells, size_t n);

/** Prints the table to standard output and frees its rows. */
void vzr_cli_table_print(struct cli_table *table);

#define CLI_TEXT_MAX 256

/** "1.5 GiB" from KiB. Returns @out. */
char *vzr_cli_kib_text(uint64_t kib, char out[CLI_TEXT_MAX]);

/** "1.5 GiB" from bytes, "0 B" too. Returns @out. */
char *vzr_cli_bytes_text(uint64_t bytes, char out[CLI_TEXT_MAX]);

/** "2026-01-31 12:00:00Z", or "-" for 0. Returns @out. */
char *vzr_cli_time_text(int64_t time, char out[CLI_TEXT_MAX]);

/** "disk 90.0 MiB soft, 100.0 MiB hard; inodes ...; grace ..."; "no limit". Returns @out. */
char *vzr_cli_limits_text(const struct vzr_limits *limits, char out[CLI_TEXT_MAX]);

/** Prints "WHAT: STATE", escaped. */
void vzr_cli_title(const char *what, const char *state);

/** Prints "  LABEL         TEXT", escaped; nothing when @text is NULL. */
void vzr_cli_field(const char *label, const char *text);

/** The same with a text to format. */
void vzr_cli_fieldf(const char *label, const char *fmt, ...) CLI_PRINTF(2, 3);

/** Prints the VM's, users' and groups' limits as fields; only the first if there are no more. */
void vzr_cli_limits_fields(const struct vzr_limits *vm, const struct vzr_owner_limits *users,
			   size_t n_users, const struct vzr_owner_limits *groups, size_t n_groups);
