/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a root needs before its first start: name, resolver, identity, no open doors. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

static int set_resolver(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	int r = vzr_guest_file_open(job, "etc/resolv.conf", &file, err);

	if (r < 0 || (file.exists && !job->n_nameservers))
		return r;
	for (size_t i = 0; i < job->n_nameservers; i++) {
		const char *server = job->nameservers[i];
		unsigned char binary[16];

		if (inet_pton(strchr(server, ':') ? AF_INET6 : AF_INET, server, binary) != 1)
			return vzr_fail(err, -VZR_E_INPUT,
					"the name server '%s' is not an IP address", server);
		if (vzr_buf_printf(&text, "nameserver %s\n", server) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot set the name servers");
	}
	return vzr_guest_file_put(&file, &text, err);
}

/* ---- identity ---- */

/* An empty file makes systemd draw a new id at the first start. */
static int empty_machine_id(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	const struct vzr_buf nothing = { 0 };
	int r = vzr_guest_file_open(job, "etc/machine-id", &file, err);

	return r == 0 && file.exists ? vzr_guest_file_put(&file, &nothing, err) : r;
}

/* Where it is a link to etc/machine-id it can stay. */
static int remove_dbus_id(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	struct stat st;
	int r = vzr_guest_dir_open(job, "var/lib/dbus", &dir, err);

	if (r != 0 || dir < 0)
		return r < 0 ? r : 0;
	if (fstatat(dir, "machine-id", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return unlinkat(dir, "machine-id", 0) < 0
		       ? vzr_fail_errno(err, "cannot remove var/lib/dbus/machine-id")
		       : 0;
}

static bool is_host_key(int dir, const char *name)
{
	struct stat st;

	if (fnmatch("ssh_host_*key", name, 0) != 0 && fnmatch("ssh_host_*key.pub", name, 0) != 0)
		return false;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
}

/* Keys that came with a template are known to everybody who has it. */
static int remove_host_keys(const struct vzr_guest_job *job, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	VZR_AUTO_CLOSE int dir = -1;
	const struct dirent *entry;
	int r = vzr_guest_dir_open(job, "etc/ssh", &dir, err);

	if (r != 0 || dir < 0)
		return r < 0 ? r : 0;
	stream = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));
	if (!stream)
		return vzr_fail_errno(err, "cannot read etc/ssh of the container");
	while ((entry = readdir(stream)))
		if (is_host_key(dir, entry->d_name) && unlinkat(dir, entry->d_name, 0) < 0)
			return vzr_fail_errno(err, "cannot remove etc/ssh/%s of the container",
					      entry->d_name);
	return 0;
}

/* ---- the root password ---- */

/* Puts @lock into the empty second field of the line(s) of root. */
static int lock_field(const struct vzr_buf *text, const char *lock, struct vzr_buf *out)
{
	static const char open_door[] = "root::";
	const char *at = vzr_buf_cstr(text), *end = at + text->len;
	int r = 0;

	while (r == 0 && at < end) {
		const char *line;
		size_t len = vzr_guest_next_line(&at, end, &line);
		size_t whole = (size_t)(at - line);

		if (len >= strlen(open_door) && memcmp(line, open_door, strlen(open_door)) == 0) {
			r = vzr_buf_printf(out, "root:%s", lock);
			line += strlen("root:");
			whole -= strlen("root:");
		}
		if (r == 0)
			r = vzr_buf_add(out, line, whole);
	}
	return r;
}

static int lock_root(const struct vzr_guest_job *job, const char *path, const char *lock,
		     struct vzr_error *err)
{
	VZR_AUTO_GUEST_FILE struct vzr_guest_file file = { .dir = -1 };
	VZR_AUTO_BUF struct vzr_buf text = { .max = VZR_GUEST_FILE_MAX * 2 };
	int r = vzr_guest_file_open(job, path, &file, err);

	if (r < 0 || !file.exists)
		return r;
	r = lock_field(&file.text, lock, &text);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot lock the empty root password in %s", path);
	return vzr_guest_file_put(&file, &text, err);
}

static int lock_password(const struct vzr_guest_job *job, struct vzr_error *err)
{
	int r = lock_root(job, "etc/passwd", "!!", err);

	return r == 0 ? lock_root(job, "etc/shadow", "!", err) : r;
}

int vzr_guest_customise(const struct vzr_guest_job *job, struct vzr_error *err)
{
	static int (*const steps[])(const struct vzr_guest_job *, struct vzr_error *) = {
		vzr_guest_set_hosts, set_resolver,  empty_machine_id,	   remove_dbus_id,
		remove_host_keys,    lock_password, vzr_guest_spread_cron,
	};
	struct vzr_guest_job named = *job;
	int r = 0;

	if (named.hostname && !vzr_guest_is_hostname(named.hostname)) {
		vzr_warn(job->ctx, "'%s' is not a host name: the template's is left as it is",
			 named.hostname);
		named.hostname = NULL;
	}
	if (named.hostname)
		r = vzr_guest_set_hostname(&named, err);
	for (size_t i = 0; r == 0 && i < VZR_COUNT(steps); i++)
		r = steps[i](&named, err);
	return r < 0 ? vzr_wrap(err, r, "cannot customise the container") : 0;
}
