/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins: a prepared form that a container lives on stays as long as the container does. */
#include "engine/area/base_internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/staging.h"

#include <fcntl.h>
#include <string.h>

#define PINS_FORMAT "%s.pins"

char *vzr_base_root_path(const char *private_path, const struct vzr_digest *digest)
{
	VZR_AUTO_FREE char *dir = vzr_own_dir_path(private_path, "base");
	char hex[VZR_DIGEST_HEX], name[VZR_BASE_NAME];

	snprintf(name, sizeof(name), "%s/root", vzr_digest_hex(digest, hex));
	return dir ? vzr_path_join(dir, name) : NULL;
}

char *vzr_base_pin_path(const char *private_path, const struct vzr_digest *digest, uint32_t ctid)
{
	VZR_AUTO_FREE char *dir = vzr_own_dir_path(private_path, "base");
	char hex[VZR_DIGEST_HEX], name[VZR_BASE_NAME + 16];

	snprintf(name, sizeof(name), PINS_FORMAT "/%u", vzr_digest_hex(digest, hex), ctid);
	return dir ? vzr_path_join(dir, name) : NULL;
}

/* Opens (and with @make makes) the directory of pins. -ENOENT without a message. */
static int open_pins(const struct vzr_settings *settings, const char *private_path,
		     const struct vzr_digest *digest, bool make, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int base_fd = vzr_own_dir_open(settings, private_path, "base", make, err);
	char hex[VZR_DIGEST_HEX], name[VZR_BASE_NAME];
	int fd;

	if (base_fd < 0)
		return base_fd;
	snprintf(name, sizeof(name), PINS_FORMAT, vzr_digest_hex(digest, hex));
	if (make && mkdirat(base_fd, name, 0700) < 0 && errno != EEXIST)
		return vzr_fail_errno(err, "cannot make the directory of pins %s", name);
	fd = vzr_open_beneath(base_fd, name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 && (make || fd != -ENOENT)
		       ? vzr_fail_code(err, fd, "cannot open the directory of pins %s", name)
		       : fd;
}

int vzr_base_pin(const struct vzr_settings *settings, const char *private_path,
		 const struct vzr_digest *digest, uint32_t ctid, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int pins = open_pins(settings, private_path, digest, true, err);
	VZR_AUTO_CLOSE int fd = -1;
	char name[16];

	if (pins < 0)
		return pins;
	snprintf(name, sizeof(name), "%u", ctid);
	fd = openat(pins, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? vzr_fail_errno(err, "cannot pin the prepared form") : 0;
}

int vzr_base_unpin(const struct vzr_settings *settings, const char *private_path,
		   const struct vzr_digest *digest, uint32_t ctid, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int pins = open_pins(settings, private_path, digest, false, err);
	char name[16];

	if (pins < 0)
		return pins == -ENOENT ? 0 : pins;
	snprintf(name, sizeof(name), "%u", ctid);
	if (unlinkat(pins, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot release the prepared form");
	return 0;
}

bool vzr_base_is_pinned(int base_fd, const char *hex)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *e;
	char name[VZR_BASE_NAME];
	int fd;

	snprintf(name, sizeof(name), PINS_FORMAT, hex);
	fd = vzr_open_beneath(base_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd != -ENOENT;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return true;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return true;
	return false;
}

int vzr_base_drop_pins(int base_fd, const char *hex, struct vzr_error *err)
{
	char name[VZR_BASE_NAME];

	snprintf(name, sizeof(name), PINS_FORMAT, hex);
	if (unlinkat(base_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove the directory of pins %s", name);
	return 0;
}
