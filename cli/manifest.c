/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests: which form it is, and the rows that both forms fill. */
#include "cli/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vzr_cli_manifest_fail(struct cli_manifest_reader *reader, unsigned int line, const char *fmt,
			  ...)
{
	char text[400], whole[480];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(whole, sizeof(whole), "%.60s: line %u: %s", reader->name, line, text);
	*reader->err = (struct vzr_error){ .code = -VZR_E_INPUT, .line = line };
	vzr_escape(reader->err->msg, sizeof(reader->err->msg), whole);
	return -VZR_E_INPUT;
}

static int no_memory(struct cli_manifest_reader *reader)
{
	(void)vzr_cli_manifest_fail(reader, reader->line, "no memory left");
	return reader->err->code = -ENOMEM;
}

struct cli_manifest_row *vzr_cli_manifest_row(struct cli_manifest_reader *reader,
					      unsigned int line)
{
	struct cli_manifest *m = reader->manifest;

	if (m->n_rows == CLI_MANIFEST_ROWS) {
		(void)vzr_cli_manifest_fail(reader, line, "more than %d containers",
					    CLI_MANIFEST_ROWS);
		return NULL;
	}
	if (m->n_rows == reader->room) {
		size_t room = reader->room ? 2 * reader->room : 64;
		struct cli_manifest_row *rows = reallocarray(m->rows, room, sizeof(*rows));

		if (!rows) {
			(void)no_memory(reader);
			return NULL;
		}
		m->rows = rows;
		reader->room = room;
	}
	m->rows[m->n_rows] = (struct cli_manifest_row){ .line = line };
	return &m->rows[m->n_rows++];
}

int vzr_cli_manifest_add(struct cli_manifest_reader *reader, struct cli_manifest_row *row,
			 const char *key, const char *value)
{
	struct cli_manifest_value *values;

	if (!*value)
		return 0;
	if (row->n_values == CLI_MANIFEST_COLUMNS)
		return vzr_cli_manifest_fail(reader, row->line, "more than %d values",
					     CLI_MANIFEST_COLUMNS);
	values = reallocarray(row->values, row->n_values + 1, sizeof(*values));
	if (!values)
		return no_memory(reader);
	row->values = values;
	values += row->n_values;
	*values = (struct cli_manifest_value){ strdup(key), strdup(value) };
	row->n_values++;
	return values->key && values->value ? 0 : no_memory(reader);
}

void vzr_cli_manifest_done(struct cli_manifest *manifest)
{
	for (size_t i = 0; i < manifest->n_rows; i++) {
		struct cli_manifest_row *row = &manifest->rows[i];

		for (size_t j = 0; j < row->n_values; j++) {
			free(row->values[j].key);
			free(row->values[j].value);
		}
		free(row->values);
	}
	free(manifest->rows);
	*manifest = (struct cli_manifest){ 0 };
}

int vzr_cli_manifest_parse(const char *name, const char *text, size_t length,
			   struct cli_manifest *ret_manifest, struct vzr_error *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct cli_manifest manifest = { 0 };
	struct vzr_error local = { 0 };
	struct cli_manifest_reader reader = {
		.name = name,
		.at = text,
		.end = text + length,
		.line = 1,
		.manifest = &manifest,
		.err = err ? err : &local,
	};
	const char *first;
	int r;

	if (length >= 3 && memcmp(text, bom, 3) == 0)
		reader.at += 3;
	first = reader.at;
	while (first < reader.end && strchr(" \t\r\n", *first) && *first)
		first++;
	if (memchr(reader.at, '\0', (size_t)(reader.end - reader.at)))
		r = vzr_cli_manifest_fail(&reader, 1, "there is a NUL byte in it");
	else if (first < reader.end && *first == '{')
		r = vzr_cli_manifest_json(&reader);
	else
		r = vzr_cli_manifest_csv(&reader);
	if (r == 0 && !manifest.n_rows)
		r = vzr_cli_manifest_fail(&reader, reader.line, "there is no container in it");
	if (r < 0) {
		vzr_cli_manifest_done(&manifest);
		return r;
	}
	*ret_manifest = manifest;
	return 0;
}
