/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON lines: one object a line, its members are the values. */
#include "cli/manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536

/* The strings of an array, with blanks between. False: something else is in it, or too much. */
static bool join(const json_t *array, char *out, size_t size)
{
	size_t used = 0, i;
	const json_t *item;

	*out = '\0';
	json_array_foreach(array, i, item) {
		int n;

		if (!json_is_string(item))
			return false;
		n = snprintf(out + used, size - used, "%s%s", i ? " " : "",
			     json_string_value(item));
		if (n < 0 || (size_t)n >= size - used)
			return false;
		used += (size_t)n;
	}
	return true;
}

static int add_member(struct cli_manifest_reader *reader, struct cli_manifest_row *row,
		      const char *key, const json_t *value)
{
	char *text;
	bool fine = true;
	int r;

	if (json_is_null(value))
		return 0;
	if (json_is_string(value))
		return vzr_cli_manifest_add(reader, row, key, json_string_value(value));
	text = malloc(TEXT_MAX);
	if (!text)
		return vzr_cli_manifest_fail(reader, row->line, "no memory left");
	if (json_is_integer(value))
		snprintf(text, TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		fine = json_is_array(value) && join(value, text, TEXT_MAX);
	r = fine ? vzr_cli_manifest_add(reader, row, key, text)
		 : vzr_cli_manifest_fail(reader, row->line,
					 "'%.60s' is neither a text, a whole number nor a list of "
					 "texts",
					 key);
	free(text);
	return r;
}

static int read_object(struct cli_manifest_reader *reader, const char *line, size_t length)
{
	json_error_t why;
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	struct cli_manifest_row *row;
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(object)) {
		r = vzr_cli_manifest_fail(reader, reader->line, "%s",
					  object ? "an object is needed here" : why.text);
		json_decref(object);
		return r;
	}
	row = vzr_cli_manifest_row(reader, reader->line);
	if (!row)
		r = reader->err->code;
	else
		json_object_foreach(object, key, value) {
			r = add_member(reader, row, key, value);
			if (r < 0)
				break;
		}
	json_decref(object);
	return r;
}

int vzr_cli_manifest_json(struct cli_manifest_reader *reader)
{
	for (; reader->at < reader->end; reader->line++) {
		size_t rest = (size_t)(reader->end - reader->at);
		const char *newline = memchr(reader->at, '\n', rest);
		const char *line = reader->at;
		size_t length = newline ? (size_t)(newline - line) : rest;
		int r = 0;

		reader->at += length + (newline ? 1 : 0);
		while (length && strchr(" \t\r", line[length - 1]))
			length--;
		if (length)
			r = read_object(reader, line, length);
		if (r < 0)
			return r;
	}
	return 0;
}
