/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings: one table of keys, read from KEY="value" files or set one by one. */
#include "engine/settings.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/kv.h"
#include "engine/base/path.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define OWN_CONF "/etc/vzroot/vzroot.conf"
#define OPENVZ_CONF "/etc/vz/vz.conf"
#define CONF_MAX (256u << 10)

enum kind { TARGET_PATH, HOST_PATH, NUMBER, YES_NO, TEXT };

struct key {
	const char *key;
	enum kind kind;
	bool openvz; /* vz.conf has it too, with the same meaning */
	const char *value;
	const char *help;
};

/* Paths are as the target sees them; those "on the host itself" are not moved by --root. */
static const struct key keys[] = {
	{ "CACHE_DIR", TARGET_PATH, false, "/var/cache/vzroot", "verified templates and indexes" },
	{ "STATE_DIR", TARGET_PATH, false, "/var/lib/vzroot", "containers and journals" },
	{ "SOURCES_DIR", TARGET_PATH, false, "/etc/vzroot/sources.d", "template sources" },
	{ "KEYS_DIR", TARGET_PATH, false, "/etc/vzroot/keys", "pinned keyrings" },
	{ "TEMPLATE", TARGET_PATH, true, "/vz/template", "OpenVZ's templates: TEMPLATE/cache" },
	{ "VE_ROOT", TARGET_PATH, true, "/vz/root/$VEID", "mount point of a container" },
	{ "VE_PRIVATE", TARGET_PATH, true, "/vz/private/$VEID", "private area of a container" },
	{ "LOCKDIR", TARGET_PATH, true, "/vz/lock", "vzctl's lock files" },
	{ "VZ_CONF_DIR", TARGET_PATH, false, "/etc/vz/conf", "CTID.conf and ve-*.conf-sample" },
	{ "VZ_NAMES_DIR", TARGET_PATH, false, "/etc/vz/names", "links from names to CTID.conf" },
	{ "VZQUOTA_DIR", TARGET_PATH, false, "/var/vzquota", "vzquota's quota.CTID files" },
	{ "DOWNLOAD_CONF", TARGET_PATH, false, "/etc/vz/download.conf", "OpenVZ's downloads" },
	{ "CONFIGFILE", TEXT, true, "basic", "NAME of the ve-NAME.conf-sample to start from" },
	{ "DISK_QUOTA", YES_NO, true, "yes", "no: the OpenVZ host has disk quotas off" },
	{ "VZQUOTA_ABI", TEXT, false, "x86_64", "ABI of the target's vzquota: x86_64 or i386" },
	{ "AREA", TEXT, false, "", "way to fill a private area; empty: the best" },
	{ "QUOTA", TEXT, false, "", "quota back end; empty: the best" },
	{ "HANDOFF", TEXT, false, "", "target; empty: the best" },
	{ "ARCH", TEXT, false, "", "native architecture; empty: the running kernel's" },
	{ "BUSYBOX", HOST_PATH, false, "/bin/busybox", "static busybox on the host itself" },
	{ "HTTP_PROXY", TEXT, false, "", "proxy for http URLs" },
	{ "HTTPS_PROXY", TEXT, false, "", "proxy for https URLs" },
	{ "NO_PROXY", TEXT, false, "", "hosts without proxy, separated by commas" },
	{ "CA_FILE", HOST_PATH, false, "", "PEM certificates instead of the system's" },
	{ "NETRC_FILE", HOST_PATH, false, "", "credentials by host" },
	{ "CONNECT_TIMEOUT", NUMBER, false, "15", "seconds to connect to a server" },
	{ "LOW_SPEED_TIME", NUMBER, false, "30", "seconds below 1 KiB/s before giving up" },
	{ "RETRIES", NUMBER, false, "3", "more rounds over the mirrors" },
	{ "BACKOFF_MS", NUMBER, false, "500", "milliseconds before the second round, doubled" },
	{ "WRITERS", NUMBER, false, "0", "threads that write a tree; 0: choose" },
	{ "BASE_RESERVE", TEXT, false, "10%", "KiB or percentage that prepared forms leave free" },
	{ "MAX_UNPACKED", NUMBER, false, "0", "most KiB a template may unpack to; 0: no limit" },
	{ "MAX_INODES", NUMBER, false, "0", "most inodes of a template; 0: 16 million" },
};

#define N_KEYS VZR_COUNT(keys)

struct vzr_settings {
	char *root;
	int root_fd;
	char *values[N_KEYS];
};

static const char *kind_hint(enum kind kind)
{
	switch (kind) {
	case TARGET_PATH:
	case HOST_PATH:
		return "PATH";
	case NUMBER:
		return "NUMBER";
	case YES_NO:
		return "yes|no";
	case TEXT:
		break;
	}
	return "TEXT";
}

const struct vzr_setting_info *vzr_settings_keys(size_t *ret_count)
{
	static struct vzr_setting_info infos[N_KEYS];

	for (size_t i = 0; i < N_KEYS; i++)
		infos[i] = (struct vzr_setting_info){ keys[i].key, kind_hint(keys[i].kind),
						      keys[i].help };
	*ret_count = N_KEYS;
	return infos;
}

static size_t find_key(const char *key)
{
	size_t i = 0;

	while (i < N_KEYS && strcmp(keys[i].key, key) != 0)
		i++;
	return i;
}

int vzr_settings_new(const char *root, struct vzr_settings **ret_settings, struct vzr_error *err)
{
	struct vzr_settings *settings = calloc(1, sizeof(*settings));
	char absolute[PATH_MAX];

	if (!settings)
		return vzr_fail_code(err, -ENOMEM, "cannot make settings");
	settings->root_fd = -1;
	if (!realpath(root ? root : "/", absolute)) {
		vzr_settings_free(settings);
		return vzr_fail_errno(err, "cannot use root directory %s", root ? root : "/");
	}
	settings->root = strdup(absolute);
	settings->root_fd = open(absolute, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < N_KEYS; i++)
		settings->values[i] = strdup(keys[i].value);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (settings->values[i] && settings->root)
			continue;
		vzr_settings_free(settings);
		return vzr_fail_code(err, -ENOMEM, "cannot make settings");
	}
	if (settings->root_fd < 0) {
		int r = vzr_fail_errno(err, "cannot open root directory %s", absolute);

		vzr_settings_free(settings);
		return r;
	}
	*ret_settings = settings;
	return 0;
}

void vzr_settings_free(struct vzr_settings *settings)
{
	if (!settings)
		return;
	for (size_t i = 0; i < N_KEYS; i++)
		free(settings->values[i]);
	vzr_closep(&settings->root_fd);
	free(settings->root);
	free(settings);
}

/* KiB, or a percentage up to 100. */
static bool is_reserve(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 15)
		return false;
	return value[digits] == '\0' ||
	       (strcmp(value + digits, "%") == 0 && strtoull(value, NULL, 10) <= 100);
}

static int check_value(const struct key *key, const char *value, struct vzr_error *err)
{
	uint64_t number;
	char what[64];

	snprintf(what, sizeof(what), "%s", key->key);
	switch (key->kind) {
	case TARGET_PATH:
		return vzr_path_check(what, value, err);
	case HOST_PATH:
		return *value ? vzr_path_check(what, value, err) : 0;
	case NUMBER:
		if (vzr_parse_uint(value, INT64_MAX, &number) < 0)
			return vzr_fail(err, -VZR_E_CONFIG, "%s=\"%s\" is not a number", what,
					value);
		return 0;
	case YES_NO:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return vzr_fail(err, -VZR_E_CONFIG, "%s=\"%s\" is neither yes nor no",
					what, value);
		return 0;
	case TEXT:
		break;
	}
	if (strcmp(what, "VZQUOTA_ABI") == 0 && strcmp(value, "x86_64") != 0 &&
	    strcmp(value, "i386") != 0)
		return vzr_fail(err, -VZR_E_CONFIG, "VZQUOTA_ABI=\"%s\" is neither x86_64 nor i386",
				value);
	if (strcmp(what, "BASE_RESERVE") == 0 && *value && !is_reserve(value))
		return vzr_fail(err, -VZR_E_CONFIG,
				"BASE_RESERVE=\"%s\" is neither KiB nor a percentage (\"10%%\")",
				value);
	if (strcmp(what, "CONFIGFILE") == 0)
		return vzr_name_check(what, value, err);
	return 0;
}

int vzr_settings_set(struct vzr_settings *settings, const char *key, const char *value,
		     struct vzr_error *err)
{
	size_t i = find_key(key);
	char *copy;
	int r;

	if (i == N_KEYS)
		return vzr_fail(err, -VZR_E_CONFIG, "there is no setting '%s'", key);
	r = check_value(&keys[i], value, err);
	if (r == -VZR_E_INPUT) {
		r = -VZR_E_CONFIG;
		if (err)
			err->code = r;
	}
	if (r < 0)
		return r;
	copy = strdup(value);
	if (!copy)
		return vzr_fail_code(err, -ENOMEM, "cannot set %s", key);
	free(settings->values[i]);
	settings->values[i] = copy;
	return 0;
}

const char *vzr_settings_get(const struct vzr_settings *settings, const char *key)
{
	size_t i = find_key(key);

	return i < N_KEYS && settings->values[i][0] ? settings->values[i] : NULL;
}

const char *vzr_setting(const struct vzr_settings *settings, const char *key)
{
	const char *value = vzr_settings_get(settings, key);

	return value ? value : "";
}

uint64_t vzr_setting_number(const struct vzr_settings *settings, const char *key)
{
	uint64_t value = 0;

	if (vzr_parse_uint(vzr_setting(settings, key), INT64_MAX, &value) < 0)
		return 0;
	return value;
}

int vzr_settings_root_fd(const struct vzr_settings *settings)
{
	return settings->root_fd;
}

const char *vzr_settings_root(const struct vzr_settings *settings)
{
	return settings->root;
}

int vzr_setting_mkdir(const struct vzr_settings *settings, const char *key, mode_t mode,
		      struct vzr_error *err)
{
	return vzr_mkdirs_in_root(settings->root_fd, vzr_setting(settings, key), mode, err);
}

/* ---- files ---- */

int vzr_settings_read_trusted(const struct vzr_settings *settings, const char *path,
			      struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = vzr_open_in_root(settings->root_fd, path,
						 O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return 1;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return vzr_fail(err, -VZR_E_CONFIG, "%s is not a regular file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s can be changed by others than root: run chown root %s && "
				"chmod go-w %s",
				path, path, path);
	r = vzr_fd_read(fd, buf, err);
	return r < 0 ? vzr_wrap(err, r, "%s", path) : 0;
}

static int read_openvz(struct vzr_settings *settings, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = CONF_MAX };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	int r = vzr_settings_read_trusted(settings, OPENVZ_CONF, &buf, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, 0, &kv, err);
	for (size_t i = 0; r == 0 && i < N_KEYS; i++) {
		const char *value = keys[i].openvz ? vzr_kv_get(&kv, keys[i].key) : NULL;

		if (value)
			r = vzr_settings_set(settings, keys[i].key, value, err);
	}
	return r < 0 ? vzr_wrap(err, r, "%s", OPENVZ_CONF) : 0;
}

int vzr_settings_read(struct vzr_settings *settings, const char *path, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = CONF_MAX };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	const char *file = path ? path : OWN_CONF;
	int r = read_openvz(settings, err);

	if (r < 0)
		return r;
	r = vzr_settings_read_trusted(settings, file, &buf, err);
	if (r == 1)
		return path ? vzr_fail(err, -VZR_E_NOT_FOUND, "there is no file %s", file) : 0;
	if (r == 0)
		r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, VZR_KV_STRICT, &kv, err);
	else
		return r;
	for (size_t i = 0; r == 0 && i < kv.count; i++)
		if (kv.lines[i].key) {
			r = vzr_settings_set(settings, kv.lines[i].key, kv.lines[i].value, err);
			if (r < 0) {
				r = vzr_wrap(err, r, "line %zu", i + 1);
				if (err)
					err->line = (unsigned int)i + 1;
			}
		}
	return r < 0 ? vzr_wrap(err, r, "%s", file) : 0;
}
