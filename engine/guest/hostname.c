/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's host name where its distribution keeps it, and its hosts file. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"

#include <ctype.h>
#include <string.h>

#define HOSTNAME_LEN_MAX 253
#define TEXT_MAX (VZR_GUEST_FILE_MAX * 2)
#define OWN_ADDRESS "127.0.1.1"

bool vzr_guest_is_hostname(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= HOSTNAME_LEN_MAX && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       len;
}

/* ---- assignments: KEY=VALUE files that the guest's scripts source ---- */

/* True if the line assigns @key (leading blanks allowed, as in a shell). */
static bool assigns(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);

	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return len > n && memcmp(line, key, n) == 0 && line[n] == '=';
}

/*
 * @text with each line that assigns @key replaced by one, or with one more at its end.
 * Returns 1 if there was such a line, 0 if not, or a negative error.
 */
static int assign(const struct vzr_buf *text, const char *key, const char *value,
		  struct vzr_buf *out)
{
	const char *at = vzr_buf_cstr(text), *end = at + text->len;
	bool found = false;
	int r = 0;

	while (r == 0 && at < end) {
		const char *line;
		size_t len = vzr_guest_next_line(&at, end, &line);

		if (!assigns(line, len, key))
			r = vzr_buf_add(out, line, len);
		else if (!found)
			r = vzr_buf_printf(out, "%s=\"%s\"", key, value);
		else
			continue;
		found |= assigns(line, len, key);
		if (r == 0)
			r = vzr_buf_text(out, "\n");
	}
	if (r == 0 && !found)
		r = vzr_buf_printf(out, "%s=\"%s\"\n", key, value);
	return r < 0 ? r : found;
}

/* What the attempts so far came to. */
struct outcome {
	bool done;    /* some file has the name now */
	bool blocked; /* etc/hostname is something that is left alone */
};

static int set_assignment(const struct vzr_guest_job *job, const char *path, const char *key,
			  bool only_replace, struct outcome *outcome, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	VZR_AUTO_BUF struct vzr_buf text = { .max = TEXT_MAX };
	int r = vzr_guest_file_open(job, path, &file, err);

	if (r < 0 || !file.exists)
		return r;
	r = assign(&file.text, key, job->hostname, &text);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot set the host name in %s", path);
	if (r == 0 && only_replace)
		return 0;
	outcome->done = true;
	return vzr_guest_file_put(&file, &text, err);
}

/* ---- files that hold the name and nothing else ---- */

static int put_name(struct vzr_guest_file *file, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };

	if (vzr_buf_printf(&text, "%s\n", file->job->hostname) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot set the host name");
	return vzr_guest_file_put(file, &text, err);
}

static int set_plain(const struct vzr_guest_job *job, const char *path, struct outcome *outcome,
		     struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	int r = vzr_guest_file_open(job, path, &file, err);

	outcome->blocked |= file.blocked;
	if (r < 0 || !file.exists)
		return r;
	outcome->done = true;
	return put_name(&file, err);
}

static int make_plain(const struct vzr_guest_job *job, const char *path, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	int r = vzr_guest_file_open(job, path, &file, err);

	return r == 0 ? put_name(&file, err) : r;
}

int vzr_guest_set_hostname(const struct vzr_guest_job *job, struct vzr_error *err)
{
	struct outcome outcome = { 0 };
	/* Debian, Alpine, Arch and all with systemd. */
	int r = set_plain(job, "etc/hostname", &outcome, err);

	/* Slackware and SUSE; the SUSE of today has a link there, to the file above. */
	if (r == 0 && !outcome.done)
		r = set_plain(job, "etc/HOSTNAME", &outcome, err);
	/* Red Hat up to 6, Gentoo and others with OpenRC, Arch up to 2012. */
	if (r == 0)
		r = set_assignment(job, "etc/sysconfig/network", "HOSTNAME", false, &outcome, err);
	if (r == 0)
		r = set_assignment(job, "etc/conf.d/hostname", "hostname", false, &outcome, err);
	if (r == 0)
		r = set_assignment(job, "etc/rc.conf", "HOSTNAME", true, &outcome, err);
	if (r == 0 && !outcome.done && !outcome.blocked)
		r = make_plain(job, "etc/hostname", err);
	return r;
}

/* ---- etc/hosts ---- */

/* True if @word stands in the line before a comment, between blanks. */
static bool has_word(const char *line, size_t len, const char *word, bool first_only)
{
	size_t n = strlen(word), at = 0;

	for (unsigned int index = 0; at < len; index++) {
		size_t begin;

		while (at < len && isspace((unsigned char)line[at]))
			at++;
		if (at == len || line[at] == '#' || (first_only && index > 0))
			return false;
		begin = at;
		while (at < len && !isspace((unsigned char)line[at]) && line[at] != '#')
			at++;
		if (at - begin == n && memcmp(line + begin, word, n) == 0)
			return true;
	}
	return false;
}

static bool any_line_has(const struct vzr_buf *text, const char *word, bool first_only)
{
	const char *at = vzr_buf_cstr(text), *end = at + text->len;

	while (at < end) {
		const char *line;
		size_t len = vzr_guest_next_line(&at, end, &line);

		if (has_word(line, len, word, first_only))
			return true;
	}
	return false;
}

/* Everything but the line with the name that the template's builder had. */
static int copy_hosts(const struct vzr_buf *text, bool drop_own, struct vzr_buf *out)
{
	const char *at = vzr_buf_cstr(text), *end = at + text->len;
	int r = 0;

	while (r == 0 && at < end) {
		const char *line;
		size_t len = vzr_guest_next_line(&at, end, &line);

		if (drop_own && has_word(line, len, OWN_ADDRESS, true))
			continue;
		r = vzr_buf_add(out, line, len);
		if (r == 0)
			r = vzr_buf_text(out, "\n");
	}
	return r;
}

static int add_own_name(const char *hostname, struct vzr_buf *out)
{
	size_t len = strcspn(hostname, ".");

	if (hostname[len] == '\0')
		return vzr_buf_printf(out, OWN_ADDRESS " %s\n", hostname);
	return vzr_buf_printf(out, OWN_ADDRESS " %s %.*s\n", hostname, (int)len, hostname);
}

static int make_hosts(const struct vzr_guest_file *file, const char *hostname,
		      struct vzr_buf *out)
{
	bool name_missing = hostname && !any_line_has(&file->text, hostname, false);
	int r = copy_hosts(&file->text, name_missing, out);

	if (r == 0 && !any_line_has(&file->text, "127.0.0.1", true))
		r = vzr_buf_text(out, "127.0.0.1 localhost.localdomain localhost\n");
	if (r == 0 && !any_line_has(&file->text, "::1", true))
		r = vzr_buf_text(out, "::1 localhost.localdomain localhost\n");
	if (r == 0 && name_missing)
		r = add_own_name(hostname, out);
	return r;
}

int vzr_guest_set_hosts(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	VZR_AUTO_BUF struct vzr_buf text = { .max = TEXT_MAX };
	int r = vzr_guest_file_open(job, "etc/hosts", &file, err);

	if (r < 0 || !vzr_guest_file_possible(&file))
		return r;
	r = make_hosts(&file, job->hostname, &text);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot make the hosts file");
	return vzr_guest_file_put(&file, &text, err);
}
