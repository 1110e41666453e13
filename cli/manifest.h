/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests: tables of what differs between the containers of a batch, as CSV or JSON lines. */
#pragma once

#include "engine/vzroot.h"

/** One value of a row. */
struct cli_manifest_value {
	char *key;   /**< the column's name */
	char *value; /**< never empty: what is empty is not there */
};

/** One container. */
struct cli_manifest_row {
	unsigned int line; /**< where it begins, from 1 */
	struct cli_manifest_value *values;
	size_t n_values;
};

/** All of them. Zero-initialise; vzr_cli_manifest_done() releases it. */
struct cli_manifest {
	struct cli_manifest_row *rows;
	size_t n_rows;
};

/**
 * Reads @length bytes: JSON lines if the first character that is no white space is '{', else CSV
 * (RFC 4180) with a header line. @name stands in messages. -VZR_E_INPUT with err->line.
 */
VZR_CHECK int vzr_cli_manifest_parse(const char *name, const char *text, size_t length,
				     struct cli_manifest *ret_manifest, struct vzr_error *err);
void vzr_cli_manifest_done(struct cli_manifest *manifest);

/* ---- between the two readers ---- */

#define CLI_MANIFEST_ROWS 100000
#define CLI_MANIFEST_COLUMNS 256

/** A manifest while it is read. */
struct cli_manifest_reader {
	const char *name;
	const char *at;	   /**< the next byte */
	const char *end;   /**< behind the last one */
	unsigned int line; /**< of @at */
	struct cli_manifest *manifest;
	size_t room; /**< rows that fit */
	struct vzr_error *err;
};

/** Refuses with "NAME: line N: ..." and err->line. */
int vzr_cli_manifest_fail(struct cli_manifest_reader *reader, unsigned int line, const char *fmt,
			  ...) __attribute__((format(printf, 3, 4)));

/** A new row that begins at @line; NULL: refused, or no memory (reader->err says which). */
struct cli_manifest_row *vzr_cli_manifest_row(struct cli_manifest_reader *reader,
					      unsigned int line);

/** Adds a value to @row (both texts are copied); one that is empty is passed over. */
VZR_CHECK int vzr_cli_manifest_add(struct cli_manifest_reader *reader,
				   struct cli_manifest_row *row, const char *key,
				   const char *value);

/** Reads all rows as CSV, or as JSON lines. */
VZR_CHECK int vzr_cli_manifest_csv(struct cli_manifest_reader *reader);
VZR_CHECK int vzr_cli_manifest_json(struct cli_manifest_reader *reader);
