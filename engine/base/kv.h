/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KEY="value" files: vz.conf, CTID.conf, samples, vzroot.conf, sources.d, state records. */
#pragma once

#include "engine/base/buf.h"

/** One line of the file. */
struct vzr_kv_line {
	char *raw;   /**< the line without its newline, as it was read; NULL if set by us */
	char *key;   /**< NULL: blank, a comment, or not an assignment */
	char *value; /**< without quotes, unescaped; NULL when key is NULL */
};

/** A file: its lines in order. Zero-initialised it is empty. */
struct vzr_kv {
	struct vzr_kv_line *lines;
	size_t count;
	size_t size; /**< allocated */
};

#define VZR_KV_STRICT (1u << 0) /* our own files: refuse what vzctl would skip, and duplicates */

/**
 * Reads @text. As vzctl does (openvz.md 1.7): leading blanks and '#' lines are skipped, the key
 * is all up to '=', a value in double quotes ends at the last '"' of the line, backslashes are
 * unescaped; a line that is no assignment is kept but has no key. Single quotes as in a shell.
 * With VZR_KV_STRICT: -VZR_E_CONFIG and err->line for such a line, a key that is not
 * [A-Za-z][A-Za-z0-9_-]*, text behind the closing quote other than a comment, or a key twice.
 * NUL bytes are refused always. CRLF is accepted. Nothing is ever evaluated.
 */
VZR_MUST_CHECK int vzr_kv_parse(const char *text, size_t len, unsigned int flags,
				struct vzr_kv *ret_kv, struct vzr_error *err);
void vzr_kv_done(struct vzr_kv *kv);
#define VZR_AUTO_KV __attribute__((cleanup(vzr_kv_done)))

/** Value of the first line with @key (as vzctl), or NULL. Lent until kv changes. */
const char *vzr_kv_get(const struct vzr_kv *kv, const char *key);

/**
 * Sets @key: the first line that has it is replaced, others that have it are dropped, or a line is
 * added at the end. -VZR_E_INPUT if the value cannot stand in a file that shells read ('"', '`',
 * '\\', control characters, or a '$' other than "$VEID" and "${VEID}").
 */
VZR_MUST_CHECK int vzr_kv_set(struct vzr_kv *kv, const char *key, const char *value,
			      struct vzr_error *err);

/** vzr_kv_set() with formatted text. */
VZR_MUST_CHECK int vzr_kv_printf(struct vzr_kv *kv, const char *key, struct vzr_error *err,
				 const char *fmt, ...) VZR_PRINTF(4, 5);

/** Drops every line that has @key. */
void vzr_kv_unset(struct vzr_kv *kv, const char *key);

/** Drops second and later lines of the same key (vzctl reads the first, libvirt the last). */
void vzr_kv_drop_duplicates(struct vzr_kv *kv);

/** Appends a comment line: @text as it is, "#" included, without a newline in it. */
VZR_MUST_CHECK int vzr_kv_comment(struct vzr_kv *kv, const char *text, struct vzr_error *err);

/** Drops every comment line that begins with @prefix ("#UUID:"). */
void vzr_kv_drop_comments(struct vzr_kv *kv, const char *prefix);

/** Appends the file's text to @buf: untouched lines as they were, the others KEY="value". */
VZR_MUST_CHECK int vzr_kv_emit(const struct vzr_kv *kv, struct vzr_buf *buf);
