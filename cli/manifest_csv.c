/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CSV as RFC 4180 has it: commas, quotes doubled inside quotes, line breaks inside quotes. */
#include "cli/manifest.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_MAX 65536

/* The columns and the field that is being read. */
struct csv {
	struct cli_manifest_reader *reader;
	char *columns[CLI_MANIFEST_COLUMNS];
	size_t n_columns;
	char *field; /* FIELD_MAX bytes */
	size_t length;
};

enum after { AFTER_FIELD, AFTER_LINE, AFTER_FILE };

static int put(struct csv *csv, char c)
{
	if (csv->length + 1 >= FIELD_MAX)
		return vzr_cli_manifest_fail(csv->reader, csv->reader->line,
					     "a field is longer than %d bytes", FIELD_MAX);
	csv->field[csv->length++] = c;
	return 0;
}

/* Behind the opening quote, up to and with the closing one. */
static int read_quoted(struct csv *csv)
{
	struct cli_manifest_reader *reader = csv->reader;
	unsigned int begun = reader->line;

	while (reader->at < reader->end) {
		char c = *reader->at++;
		int r;

		if (c == '"' && (reader->at == reader->end || *reader->at != '"'))
			return 0;
		if (c == '"')
			reader->at++;
		reader->line += c == '\n';
		r = put(csv, c);
		if (r < 0)
			return r;
	}
	return vzr_cli_manifest_fail(reader, begun, "a quote is opened and never closed");
}

/* What ends the field, taken off the text. */
static int read_end(struct csv *csv, enum after *ret_after)
{
	struct cli_manifest_reader *reader = csv->reader;

	if (reader->at < reader->end && *reader->at == '\r')
		reader->at++;
	if (reader->at == reader->end) {
		*ret_after = AFTER_FILE;
		return 0;
	}
	*ret_after = *reader->at == ',' ? AFTER_FIELD : AFTER_LINE;
	if (*reader->at != ',' && *reader->at != '\n')
		return vzr_cli_manifest_fail(reader, reader->line,
					     "there is text behind a closing quote");
	reader->line += *reader->at == '\n';
	reader->at++;
	return 0;
}

static int read_field(struct csv *csv, enum after *ret_after)
{
	struct cli_manifest_reader *reader = csv->reader;
	int r = 0;

	csv->length = 0;
	if (reader->at < reader->end && *reader->at == '"') {
		reader->at++;
		r = read_quoted(csv);
	} else {
		while (r == 0 && reader->at < reader->end && *reader->at != ',' &&
		       *reader->at != '\n') {
			if (*reader->at == '"')
				return vzr_cli_manifest_fail(reader, reader->line,
							     "there is a quote inside a field that "
							     "does not begin with one");
			r = put(csv, *reader->at++);
		}
		if (csv->length && csv->field[csv->length - 1] == '\r')
			csv->length--;
	}
	csv->field[csv->length] = '\0';
	return r < 0 ? r : read_end(csv, ret_after);
}

static int add_column(struct csv *csv, unsigned int line)
{
	if (!*csv->field)
		return vzr_cli_manifest_fail(csv->reader, line, "column %zu has no name",
					     csv->n_columns + 1);
	if (csv->n_columns == CLI_MANIFEST_COLUMNS)
		return vzr_cli_manifest_fail(csv->reader, line, "more than %d columns",
					     CLI_MANIFEST_COLUMNS);
	for (size_t i = 0; i < csv->n_columns; i++)
		if (strcmp(csv->columns[i], csv->field) == 0)
			return vzr_cli_manifest_fail(csv->reader, line,
						     "the column '%.60s' is there twice",
						     csv->field);
	csv->columns[csv->n_columns] = strdup(csv->field);
	if (!csv->columns[csv->n_columns])
		return vzr_cli_manifest_fail(csv->reader, line, "no memory left");
	csv->n_columns++;
	return 0;
}

static int read_header(struct csv *csv, enum after *after)
{
	unsigned int line = csv->reader->line;
	int r;

	do {
		r = read_field(csv, after);
		if (r == 0)
			r = add_column(csv, line);
	} while (r == 0 && *after == AFTER_FIELD);
	return r;
}

static int read_row(struct csv *csv, enum after *after)
{
	struct cli_manifest_reader *reader = csv->reader;
	unsigned int line = reader->line;
	struct cli_manifest_row *row = NULL;
	size_t column = 0;

	do {
		int r = read_field(csv, after);

		if (r < 0)
			return r;
		/* A blank line is none. */
		if (column == 0 && *after != AFTER_FIELD && !*csv->field)
			return 0;
		if (!row)
			row = vzr_cli_manifest_row(reader, line);
		if (!row)
			return reader->err->code;
		if (column == csv->n_columns)
			return vzr_cli_manifest_fail(reader, line,
						     "there are more fields than the %zu columns",
						     csv->n_columns);
		r = vzr_cli_manifest_add(reader, row, csv->columns[column++], csv->field);
		if (r < 0)
			return r;
	} while (*after == AFTER_FIELD);
	if (column < csv->n_columns)
		return vzr_cli_manifest_fail(reader, line, "there are %zu fields for %zu columns",
					     column, csv->n_columns);
	return 0;
}

int vzr_cli_manifest_csv(struct cli_manifest_reader *reader)
{
	struct csv csv = { .reader = reader, .field = malloc(FIELD_MAX) };
	enum after after = AFTER_FIELD;
	int r;

	if (!csv.field)
		return vzr_cli_manifest_fail(reader, 1, "no memory left");
	r = read_header(&csv, &after);
	while (r == 0 && after != AFTER_FILE && reader->at < reader->end)
		r = read_row(&csv, &after);
	for (size_t i = 0; i < csv.n_columns; i++)
		free(csv.columns[i]);
	free(csv.field);
	return r;
}
