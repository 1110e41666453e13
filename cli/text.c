/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers for people. Nothing here depends on the locale. */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define LABEL_WIDTH 14

static char *escape_dup(const char *text)
{
	size_t size = 4 * strlen(text ? text : "-") + 1;
	char *copy = malloc(size);

	if (!copy)
		vzr_cli_no_memory();
	return vzr_escape(copy, size, text ? text : "-");
}

/* Code points, not bytes: names in other scripts keep the columns aligned (wide ones nearly). */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void vzr_cli_table_row(struct cli_table *table, const char *const *cells, size_t n)
{
	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 32;
		void *rows = reallocarray(table->rows, room, sizeof(*table->rows));

		if (!rows)
			vzr_cli_no_memory();
		table->rows = rows;
		table->room = room;
	}
	for (size_t i = 0; i < CLI_COLUMNS_MAX; i++)
		table->rows[table->count][i] =
			i < n ? escape_dup(cells[i] && *cells[i] ? cells[i] : "-") : NULL;
	table->count++;
}

static void print_row(const struct cli_table *table, char *const *row, const int *widths)
{
	for (size_t i = 0; i < CLI_COLUMNS_MAX && row[i]; i++) {
		int pad = widths[i] - width(row[i]);
		bool last = i + 1 == CLI_COLUMNS_MAX || !row[i + 1];

		if (table->right[i])
			printf("%*s%s", pad, "", row[i]);
		else
			printf("%s%*s", row[i], last ? 0 : pad, "");
		fputs(last ? "\n" : "  ", stdout);
	}
}

void vzr_cli_table_print(struct cli_table *table)
{
	int widths[CLI_COLUMNS_MAX] = { 0 };

	for (size_t r = 0; r < table->count; r++)
		for (size_t i = 0; i < CLI_COLUMNS_MAX && table->rows[r][i]; i++)
			if (width(table->rows[r][i]) > widths[i])
				widths[i] = width(table->rows[r][i]);
	for (size_t r = 0; r < table->count; r++) {
		print_row(table, table->rows[r], widths);
		for (size_t i = 0; i < CLI_COLUMNS_MAX; i++)
			free(table->rows[r][i]);
	}
	free(table->rows);
	*table = (struct cli_table){ 0 };
}

static char *size_text(double value, size_t unit, char out[CLI_TEXT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB" };

	while (value >= 1024 && unit + 1 < CLI_COUNT(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(out, CLI_TEXT_MAX, "%.*f %s", value < 100 && value != (double)(uint64_t)value,
		 value, units[unit]);
	return out;
}

char *vzr_cli_kib_text(uint64_t kib, char out[CLI_TEXT_MAX])
{
	return size_text((double)kib, 1, out);
}

char *vzr_cli_bytes_text(uint64_t bytes, char out[CLI_TEXT_MAX])
{
	return size_text((double)bytes, 0, out);
}

char *vzr_cli_time_text(int64_t time, char out[CLI_TEXT_MAX])
{
	time_t t = (time_t)time;
	struct tm tm;

	if (time == 0 || !gmtime_r(&t, &tm) ||
	    strftime(out, CLI_TEXT_MAX, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, CLI_TEXT_MAX, "-");
	return out;
}

/* Appends "; WHAT SOFT soft, HARD hard" with what is there. */
static void append_pair(char *out, const char *what, const char *soft, const char *hard)
{
	size_t used = strlen(out);

	if (!*soft && !*hard)
		return;
	snprintf(out + used, CLI_TEXT_MAX - used, "%s%s %s%s%s%s%s", used ? "; " : "", what, soft,
		 *soft ? " soft" : "", *soft && *hard ? ", " : "", hard, *hard ? " hard" : "");
}

static const char *count_text(uint64_t value, char out[CLI_TEXT_MAX])
{
	if (value == VZR_NO_LIMIT)
		return "";
	snprintf(out, CLI_TEXT_MAX, "%" PRIu64, value);
	return out;
}

static const char *block_text(uint64_t kib, char out[CLI_TEXT_MAX])
{
	return kib == VZR_NO_LIMIT ? "" : vzr_cli_kib_text(kib, out);
}

static const char *grace_text(uint64_t seconds, char out[CLI_TEXT_MAX])
{
	bool days = seconds && seconds % 86400 == 0, hours = seconds && seconds % 3600 == 0;
	uint64_t unit = days ? 86400 : hours ? 3600 : 1;

	snprintf(out, CLI_TEXT_MAX, "%" PRIu64 " %s", seconds / unit,
		 days	 ? "d"
		 : hours ? "h"
			 : "s");
	return out;
}

char *vzr_cli_limits_text(const struct vzr_limits *limits, char out[CLI_TEXT_MAX])
{
	char soft[CLI_TEXT_MAX], hard[CLI_TEXT_MAX];
	size_t used;

	*out = '\0';
	append_pair(out, "disk", block_text(limits->block_soft_kib, soft),
		    block_text(limits->block_hard_kib, hard));
	append_pair(out, "inodes", count_text(limits->inode_soft, soft),
		    count_text(limits->inode_hard, hard));
	used = strlen(out);
	if (limits->grace_s != VZR_NO_LIMIT)
		snprintf(out + used, CLI_TEXT_MAX - used, "%sgrace %s", used ? "; " : "",
			 grace_text(limits->grace_s, soft));
	if (!*out)
		snprintf(out, CLI_TEXT_MAX, "no limit");
	return out;
}

void vzr_cli_title(const char *what, const char *state)
{
	CLI_AUTO_FREE char *escaped = escape_dup(what);

	printf("%s: %s\n", escaped, state);
}

void vzr_cli_field(const char *label, const char *text)
{
	CLI_AUTO_FREE char *escaped = NULL;
	CLI_AUTO_FREE char *escaped_label = NULL;

	if (!text)
		return;
	escaped = escape_dup(text);
	escaped_label = escape_dup(label);
	printf("  %-*s  %s\n", LABEL_WIDTH, escaped_label, escaped);
}

void vzr_cli_fieldf(const char *label, const char *fmt, ...)
{
	CLI_AUTO_FREE char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		vzr_cli_no_memory();
	}
	vzr_cli_field(label, text);
}

static void owner_fields(const char *what, const struct vzr_owner_limits *owners, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[CLI_TEXT_MAX];
		CLI_AUTO_FREE char *label = NULL;

		if (asprintf(&label, "  %s %s", what, owners[i].name) < 0) {
			label = NULL;
			vzr_cli_no_memory();
		}
		vzr_cli_field(label, vzr_cli_limits_text(&owners[i].limits, text));
	}
}

void vzr_cli_limits_fields(const struct vzr_limits *vm, const struct vzr_owner_limits *users,
			   size_t n_users, const struct vzr_owner_limits *groups, size_t n_groups)
{
	char text[CLI_TEXT_MAX];

	vzr_cli_field("limits", vzr_cli_limits_text(vm, text));
	owner_fields("user", users, n_users);
	owner_fields("group", groups, n_groups);
}
