/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checksum files: SHA256SUMS, SHA512SUMS, F.sha256 and the dialects that are in use. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 1024
#define FILE_NAME_MAX 255
#define BEST_BEFORE "BEST-BEFORE-"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CLEAR_SIGNED "-----BEGIN PGP SIGNED MESSAGE-----"

/* Where in the file the parser is, for messages. */
struct place {
	const struct vzr_sums_request *request;
	struct vzr_sums_info *info;
	struct vzr_entries *entries;
	struct vzr_error *err;
	unsigned int line;
};

static int bad(const struct place *at, const char *why)
{
	int r = vzr_fail(at->err, -VZR_E_INPUT, "%s, line %u: %s", at->request->file, at->line,
			 why);

	if (at->err)
		at->err->line = at->line;
	return r;
}

static int weak(const struct place *at, const char *algorithm)
{
	return vzr_fail(at->err, -VZR_E_NOT_TRUSTED,
			"%s, line %u: %s checksums never suffice; SHA-256 or SHA-512 is needed",
			at->request->file, at->line, algorithm);
}

/* Days since 1970 by the calendar of timegm(); refuses 2026-02-31. */
static int parse_date(const char *text, int64_t *ret_time)
{
	struct tm tm = { 0 }, again;
	int day;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t t;

	if (!end || *end || strlen(text) != strlen("2026-12-31"))
		return -VZR_E_INPUT;
	day = tm.tm_mday;
	t = timegm(&tm); /* makes 3 March of 31 February */
	if (!gmtime_r(&t, &again) || again.tm_mday != day)
		return -VZR_E_INPUT;
	*ret_time = t;
	return 0;
}

/* The whole of that day is still before. */
static int magic_line(const struct place *at, const char *name)
{
	int64_t day;

	if (parse_date(name + strlen(BEST_BEFORE), &day) < 0)
		return bad(at, "this is no date");
	if (at->info->best_before)
		return bad(at, "a second BEST-BEFORE date");
	at->info->best_before = day + 86400;
	return 0;
}

/* 1: a name to use, 0: a legitimate one that is not for us (in a sub-directory), < 0: a trick. */
static int check_file_name(const struct place *at, const char *name)
{
	size_t length = strlen(name);
	bool nested = strchr(name, '/') != NULL;

	if (length == 0)
		return bad(at, "the file name is missing");
	if (length > FILE_NAME_MAX && !nested)
		return bad(at, "the file name is too long");
	if (name[0] == '/' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strncmp(name, "../", 3) == 0 || strstr(name, "/../") || strstr(name, "//") ||
	    (length > 2 && strcmp(name + length - 3, "/..") == 0))
		return bad(at, "the file name leads out of the directory");
	if (name[0] == '-')
		return bad(at, "the file name begins with '-'");
	if (isblank((unsigned char)name[0]) || isblank((unsigned char)name[length - 1]))
		return bad(at, "blanks around the file name");
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return bad(at, "a control character in the file name");
	return nested ? 0 : 1;
}

static int add_file(const struct place *at, const char *file, const struct vzr_digest *digest)
{
	struct vzr_entry entry = { .has_digest = true, .digest = *digest };
	int r;

	entry.name = vzr_template_name_of(file, at->request->suffixes, &entry.rank);
	/* Images of other kinds have names that end so too. */
	if (!entry.name || vzr_name_check("template name", entry.name, NULL) < 0 ||
	    (strlen(entry.name) > 4 && strcmp(entry.name + strlen(entry.name) - 4, ".oci") == 0)) {
		free(entry.name);
		return 0;
	}
	entry.file = strdup(file);
	r = entry.file ? vzr_entries_add(at->entries, entry) : -ENOMEM;
	if (r < 0) {
		free(entry.name);
		free(entry.file);
		return r == -VZR_E_LIMIT
			       ? bad(at, "too many files")
			       : vzr_fail_code(at->err, r, "cannot read %s", at->request->file);
	}
	return 0;
}

/* @hex of @n digits is about @file. */
static int take(const struct place *at, const char *hex, size_t n, const char *file)
{
	VZR_AUTO_FREE char *text = strndup(hex, n);
	struct vzr_digest digest;
	int r;

	if (!text)
		return vzr_fail_code(at->err, -ENOMEM, "cannot read %s", at->request->file);
	if (n == 32 || n == 40)
		return weak(at, n == 32 ? "MD5" : "SHA-1");
	if (strncmp(file, "./", 2) == 0)
		file += 2;
	r = check_file_name(at, file);
	if (r < 0)
		return r;
	for (const char *p = text; *p; p++)
		if (isupper((unsigned char)*p))
			return bad(at, "upper-case hexadecimal");
	if (vzr_digest_parse(text, &digest, NULL) < 0)
		return bad(at, "this is neither a SHA-256 nor a SHA-512 checksum");
	if (r == 0)
		return 0;
	if (strncmp(file, BEST_BEFORE, strlen(BEST_BEFORE)) == 0 && strcmp(text, EMPTY_SHA256) == 0)
		return magic_line(at, file);
	if (at->request->single && strcmp(at->request->single, file) != 0)
		return 0;
	return add_file(at, file, &digest);
}

/* "SHA256 (F) = HEX" */
static int bsd_line(const struct place *at, char *line, char *open)
{
	char *close = strstr(line, ") = ");
	size_t digits = close ? strlen(close + 4) : 0;
	size_t expected;

	*open = '\0';
	if (strcmp(line, "MD5") == 0 || strcmp(line, "SHA1") == 0)
		return weak(at, line);
	expected = strcmp(line, "SHA256") == 0 ? 64 : strcmp(line, "SHA512") == 0 ? 128 : 0;
	if (!close || close < open + 2 || digits != expected)
		return bad(at, "this is no checksum line");
	*close = '\0';
	return take(at, close + 4, digits, open + 2);
}

/* "HEX  F", "HEX *F", "HEX F" */
static int gnu_line(const struct place *at, const char *line)
{
	size_t n = strspn(line, "0123456789abcdefABCDEF");
	const char *file = line + n;

	if (n == 0)
		return bad(at, "this is no checksum line");
	if (*file == '\0' && at->request->single)
		return take(at, line, n, at->request->single);
	if (*file != ' ')
		return bad(at, *file ? "this is no checksum line" : "the file name is missing");
	file++;
	/* One blank alone is what linuxcontainers writes. */
	if (*file == ' ' || *file == '*')
		file++;
	return take(at, line, n, file);
}

static int parse_line(const struct place *at, char *line)
{
	char *open;

	if (*line == '\0' || *line == '#')
		return 0;
	if (strcmp(line, CLEAR_SIGNED) == 0)
		return vzr_fail(at->err, -VZR_E_NOT_TRUSTED,
				"%s is a clear-signed text: text around the signed part would pass "
				"unnoticed, so only detached signatures are accepted",
				at->request->file);
	open = strstr(line, " (");
	if (open && isupper((unsigned char)*line) && strcspn(line, " ") == (size_t)(open - line))
		return bsd_line(at, line, open);
	return gnu_line(at, line);
}

static int compare_files(const void *a, const void *b)
{
	const struct vzr_entry *x = a, *y = b;
	int order = strcasecmp(x->file, y->file);

	if (order == 0)
		order = strcmp(x->file, y->file);
	return order != 0 ? order : (int)x->digest.algo - (int)y->digest.algo;
}

/*
 * Refuses a file that stands there twice, or twice but for the case of letters. The same file
 * once for each algorithm is fine: SHA-256 is kept.
 */
static int check_twice(const struct place *at)
{
	struct vzr_entry *items = at->entries->items;
	size_t out = 0;

	if (at->entries->count == 0)
		return 0;
	qsort(items, at->entries->count, sizeof(*items), compare_files);
	for (size_t i = 1; i < at->entries->count; i++) {
		if (strcasecmp(items[out].file, items[i].file) != 0) {
			struct vzr_entry kept = items[i];

			/* On failure every item is freed: none may stand there twice. */
			items[i] = (struct vzr_entry){ 0 };
			items[++out] = kept;
			continue;
		}
		if (strcmp(items[out].file, items[i].file) != 0 ||
		    items[out].digest.algo == items[i].digest.algo)
			return vzr_fail(at->err, -VZR_E_INPUT, "%s names the file %s twice",
					at->request->file, items[i].file);
		free(items[i].name);
		free(items[i].file);
		items[i] = (struct vzr_entry){ 0 };
	}
	at->entries->count = out + 1;
	return 0;
}

int vzr_sums_parse(const struct vzr_sums_request *request, const char *text, size_t len,
		   struct vzr_entries *entries, struct vzr_sums_info *ret_info,
		   struct vzr_error *err)
{
	struct vzr_sums_info info = { 0 };
	struct place at = { .request = request, .info = &info, .entries = entries, .err = err };
	char line[LINE_MAX_BYTES + 1];
	const char *end = text + len;

	/* A byte order mark in front and CR before LF are accepted; nothing else that is not text.
	 */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		int r;

		at.line++;
		if (!nl)
			return bad(&at, "the last line does not end: the file was cut off");
		if (n > LINE_MAX_BYTES)
			return bad(&at, "the line is too long");
		if (memchr(text, '\0', n))
			return bad(&at, "a NUL byte");
		if (n && text[n - 1] == '\r')
			n--;
		memcpy(line, text, n);
		line[n] = '\0';
		r = parse_line(&at, line);
		if (r < 0)
			return r;
		text = nl + 1;
	}
	*ret_info = info;
	return check_twice(&at);
}
