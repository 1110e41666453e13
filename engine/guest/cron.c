/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Minutes and hours of the system's cron jobs: not the same in every container. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/list.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define SKIP_WORD "VZCTL_POSTCREATE_SKIP"
#define CRON_DIR "etc/cron.d"
#define CRON_FILES_MAX 1000
#define MIN_FIELDS 7 /* five of time, a user, a command */

struct span {
	const char *begin;
	size_t len;
};

static bool is_of(struct span field, const char *chars)
{
	for (size_t i = 0; i < field.len; i++)
		if (field.begin[i] == '\0' || !strchr(chars, field.begin[i]))
			return false;
	return field.len > 0;
}

/* The first fields of a line; false if it is no job line of a system crontab. */
static bool split_fields(const char *line, size_t len, struct span fields[MIN_FIELDS])
{
	size_t at = 0, n = 0;

	while (n < MIN_FIELDS) {
		while (at < len && (line[at] == ' ' || line[at] == '\t'))
			at++;
		if (at == len)
			return false;
		fields[n].begin = line + at;
		while (at < len && line[at] != ' ' && line[at] != '\t')
			at++;
		fields[n].len = (size_t)(line + at - fields[n].begin);
		n++;
	}
	for (size_t i = 0; i < 3; i++)
		if (!is_of(fields[i], "0123456789*,-/"))
			return false;
	for (size_t i = 3; i < 5; i++)
		if (!is_of(fields[i], "0123456789*,-/abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			return false;
	return true;
}

/* Copies up to @field, and in place of it, if it is a simple number, one below @below. */
static int replace_number(struct vzr_buf *out, const char **at, struct span field, uint32_t number,
			  uint32_t below)
{
	int r;

	if (!is_of(field, "0123456789"))
		return 0;
	r = vzr_buf_add(out, *at, (size_t)(field.begin - *at));
	if (r == 0)
		r = vzr_buf_printf(out, "%u", number % below);
	*at = field.begin + field.len;
	return r;
}

int vzr_guest_cron_text(const char *text, size_t len, uint32_t (*random)(void *data), void *data,
			struct vzr_buf *out)
{
	const char *at = text, *end = text + len;
	int r = 0;

	while (r == 0 && at < end) {
		struct span fields[MIN_FIELDS];
		const char *line;
		size_t n = vzr_guest_next_line(&at, end, &line);
		const char *copied = line;

		if (split_fields(line, n, fields)) {
			r = replace_number(out, &copied, fields[0], random(data), 60);
			if (r == 0)
				r = replace_number(out, &copied, fields[1], random(data), 6);
		}
		if (r == 0)
			r = vzr_buf_add(out, copied, (size_t)(at - copied));
	}
	return r;
}

static uint32_t system_random(void *data)
{
	uint32_t value = 0;

	(void)data;
	/* Cannot fail for so few bytes once the kernel's generator runs. */
	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		return 0;
	return value;
}

static int spread(struct vzr_guest_file *file, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { .max = VZR_GUEST_FILE_MAX * 2 };
	int r;

	if (!file->exists || file->text.len == 0 ||
	    memmem(file->text.data, file->text.len, SKIP_WORD, strlen(SKIP_WORD)))
		return 0;
	r = vzr_guest_cron_text(file->text.data, file->text.len, system_random, NULL, &text);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot spread the jobs of %s", file->path);
	return vzr_guest_file_put(file, &text, err);
}

static int spread_entry(const struct vzr_guest_job *job, int dir, const char *name,
			struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	VZR_AUTO_FREE char *path = NULL;
	int r;

	if (asprintf(&path, CRON_DIR "/%s", name) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot spread the cron jobs");
	r = vzr_guest_file_open_at(job, dir, path, &file, err);
	return r == 0 ? spread(&file, err) : r;
}

/* The names first: the files that are replaced meanwhile are not to be met again. */
static int list_names(int fd, struct vzr_list *names, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	const struct dirent *entry;

	if (!dir)
		return vzr_fail_errno(err, "cannot read " CRON_DIR " of the container");
	while ((entry = readdir(dir)) && names->count < CRON_FILES_MAX) {
		/* cron itself skips names that begin with a dot. */
		if (entry->d_name[0] == '.')
			continue;
		if (vzr_list_add_text(names, entry->d_name) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot spread the cron jobs");
	}
	return 0;
}

static int spread_dir(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	VZR_AUTO_CLOSE int dir = -1;
	int r = vzr_guest_dir_open(job, CRON_DIR, &dir, err);

	if (r != 0 || dir < 0)
		return r < 0 ? r : 0;
	r = list_names(dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = spread_entry(job, dir, names.items[i], err);
	return r;
}

int vzr_guest_spread_cron(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	int r = vzr_guest_file_open(job, "etc/crontab", &file, err);

	if (r == 0)
		r = spread(&file, err);
	return r == 0 ? spread_dir(job, err) : r;
}
