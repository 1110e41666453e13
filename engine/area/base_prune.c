/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room for prepared forms, and their removal: the least recently used first. */
#include "engine/area/base_internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/list.h"
#include "engine/base/size.h"
#include "engine/staging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#define DEFAULT_RESERVE "10%"
#define SUFFIX ".lock"

/* ---- how much must stay free ---- */

int vzr_base_reserve(const char *text, uint64_t total_kib, uint64_t *ret_kib,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *number = strdup(text);
	size_t len = strlen(text);
	bool percent = len > 0 && text[len - 1] == '%';
	uint64_t value;

	if (!number)
		return vzr_fail_code(err, -ENOMEM, "cannot read BASE_RESERVE");
	if (percent)
		number[len - 1] = '\0';
	if (vzr_parse_uint(number, percent ? 100 : INT64_MAX, &value) < 0)
		return vzr_fail(err, -VZR_E_CONFIG,
				"BASE_RESERVE=\"%s\" is neither KiB nor a percentage (\"10%%\")",
				text);
	*ret_kib = percent ? (uint64_t)((unsigned __int128)total_kib * value / 100) : value;
	return 0;
}

static int total_kib(int fd, uint64_t *ret_kib, struct vzr_error *err)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0)
		return vzr_fail_errno(err, "cannot tell the size of the file system");
	*ret_kib = (uint64_t)((unsigned __int128)vfs.f_blocks * vfs.f_frsize / 1024);
	return 0;
}

static bool enough(int fd, uint64_t kib, uint64_t inodes)
{
	uint64_t free_kib, free_inodes;

	return vzr_free_space(fd, &free_kib, &free_inodes, NULL) == 0 && free_kib >= kib &&
	       free_inodes >= inodes;
}

/* Forms are not given up for nothing. */
static bool could_do(const struct vzr_base_prune *prune, int base_fd)
{
	uint64_t kib, inodes, free_kib, free_inodes;

	vzr_base_evictable(prune->settings, prune->private_path, &kib, &inodes);
	return vzr_free_space(base_fd, &free_kib, &free_inodes, NULL) == 0 &&
	       !__builtin_add_overflow(free_kib, kib, &kib) && kib >= prune->until_kib &&
	       (free_inodes >= prune->until_inodes ||
		(!__builtin_add_overflow(free_inodes, inodes, &inodes) &&
		 inodes >= prune->until_inodes));
}

int vzr_base_room(const struct vzr_base_job *job, int base_fd, struct vzr_error *err)
{
	const char *setting = vzr_settings_get(job->settings, "BASE_RESERVE");
	struct vzr_base_prune prune = {
		.ctx = job->ctx,
		.settings = job->settings,
		.private_path = job->private_path,
		.undo = job->undo,
		.unused_since = INT64_MAX,
	};
	uint64_t total = 0, reserve = 0, needs;
	int r = total_kib(base_fd, &total, err);

	if (r == 0)
		r = vzr_base_reserve(setting ? setting : DEFAULT_RESERVE, total, &reserve, err);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(job->needs_kib, job->also_kib, &needs) ||
	    __builtin_add_overflow(reserve, needs, &prune.until_kib))
		prune.until_kib = UINT64_MAX;
	if (__builtin_add_overflow(job->needs_inodes, job->also_inodes, &prune.until_inodes))
		prune.until_inodes = UINT64_MAX;
	if (!enough(base_fd, prune.until_kib, prune.until_inodes) && could_do(&prune, base_fd))
		r = vzr_base_prune(&prune, err);
	if (r < 0 || enough(base_fd, prune.until_kib, prune.until_inodes))
		return r;
	return vzr_fail(err, -VZR_E_NO_SPACE,
			"a prepared form of %llu KiB would leave less than %llu KiB free "
			"(BASE_RESERVE)",
			(unsigned long long)job->needs_kib, (unsigned long long)reserve);
}

/* ---- removal ---- */

static int by_use(const void *a, const void *b)
{
	const struct vzr_base_found *x = *(void *const *)a, *y = *(void *const *)b;

	if (x->last_use != y->last_use)
		return x->last_use < y->last_use ? -1 : 1;
	return strcmp(x->hex, y->hex);
}

/* "HEX.lock" or "HEX" (a form whose lock file is gone) into @hex. */
static bool hex_of(const char *name, char hex[VZR_DIGEST_HEX])
{
	size_t len = strspn(name, "0123456789abcdef");

	if (len != 2 * vzr_digest_size(VZR_SHA256) ||
	    (name[len] != '\0' && strcmp(name + len, SUFFIX) != 0))
		return false;
	memcpy(hex, name, len);
	hex[len] = '\0';
	return true;
}

static int add_found(int base_fd, const char *name, const char *hex, struct vzr_list *list)
{
	struct vzr_base_found *found = NULL;
	struct vzr_base_facts facts;
	struct stat st;
	int r;

	if (fstatat(base_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	for (size_t i = 0; i < list->count; i++) {
		found = list->items[i];
		if (strcmp(found->hex, hex) == 0)
			break;
		found = NULL;
	}
	if (!found) {
		found = calloc(1, sizeof(*found));
		r = found ? vzr_list_add(list, found) : -ENOMEM;
		if (r < 0) {
			free(found);
			return r;
		}
		memcpy(found->hex, hex, VZR_DIGEST_HEX);
		if (vzr_base_facts_read(base_fd, hex, &facts, NULL) == 1) {
			found->kib = facts.kib;
			found->inodes = facts.inodes;
		}
	}
	if (S_ISREG(st.st_mode))
		found->last_use = st.st_mtim.tv_sec;
	return 0;
}

static int find_all(int base_fd, struct vzr_list *ret_list, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	VZR_AUTO_CLOSE int fd = openat(base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *e;
	char hex[VZR_DIGEST_HEX];

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return vzr_fail_errno(err, "cannot read the prepared forms' directory");
	vzr_take_fd(fd);
	while ((e = readdir(dir)))
		if (hex_of(e->d_name, hex) && add_found(base_fd, e->d_name, hex, ret_list) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot list the prepared forms");
	if (ret_list->count > 1)
		qsort(ret_list->items, ret_list->count, sizeof(void *), by_use);
	return 0;
}

/* 1: removed (or would be), 0: somebody uses it, or there is only a lock file. */
static int remove_one(const struct vzr_base_prune *p, int base_fd,
		      const struct vzr_base_found *found, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int lock =
		vzr_base_lock(base_fd, found->hex, LOCK_EX | LOCK_NB, p->ctx, err);
	char name[VZR_BASE_NAME];
	int r;

	if (lock < 0)
		return lock == -VZR_E_BUSY ? 0 : lock;
	if (vzr_base_is_pinned(base_fd, found->hex))
		return 0;
	if (!p->undo)
		return 1;
	r = vzr_base_drop_pins(base_fd, found->hex, err);
	if (r < 0)
		return r;
	r = vzr_base_drop(p->settings, p->private_path, p->undo, base_fd, found->hex, err);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%s" SUFFIX, found->hex);
	if (unlinkat(base_fd, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove lock %s", name);
	return 1;
}

static bool may_go(const struct vzr_base_prune *p, int base_fd, const struct vzr_base_found *found)
{
	struct stat st;

	return found->last_use <= p->unused_since &&
	       (!p->only || strcmp(p->only, found->hex) == 0) &&
	       fstatat(base_fd, found->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int prune_all(const struct vzr_base_prune *p, int base_fd, const struct vzr_list *list,
		     struct vzr_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->count; i++) {
		const struct vzr_base_found *found = list->items[i];

		if (p->until_kib && enough(base_fd, p->until_kib, p->until_inodes))
			break;
		if (!may_go(p, base_fd, found))
			continue;
		r = remove_one(p, base_fd, found, err);
		if (r == 1 && p->undo)
			vzr_info(p->ctx, "removed the prepared form %.12s", found->hex);
		if (r >= 0 && p->fn)
			p->fn(p->data, found, r);
	}
	return r < 0 ? r : 0;
}

static void free_list(struct vzr_list *list)
{
	vzr_list_done(list, free);
}

void vzr_base_evictable(const struct vzr_settings *settings, const char *private_path,
			uint64_t *ret_kib, uint64_t *ret_inodes)
{
	VZR_CLEANUP(free_list) struct vzr_list list = { 0 };
	VZR_AUTO_CLOSE int base_fd = vzr_own_dir_open(settings, private_path, "base", false, NULL);

	*ret_kib = *ret_inodes = 0;
	if (base_fd < 0 || find_all(base_fd, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.count; i++) {
		const struct vzr_base_found *found = list.items[i];

		if (vzr_base_is_pinned(base_fd, found->hex))
			continue;
		if (__builtin_add_overflow(*ret_kib, found->kib, ret_kib) ||
		    __builtin_add_overflow(*ret_inodes, found->inodes, ret_inodes))
			*ret_kib = *ret_inodes = 0;
	}
}

int vzr_base_prune(const struct vzr_base_prune *prune, struct vzr_error *err)
{
	VZR_CLEANUP(free_list) struct vzr_list list = { 0 };
	VZR_AUTO_CLOSE int base_fd = vzr_own_dir_open(prune->settings, prune->private_path, "base",
						      false, err);
	int r;

	if (base_fd < 0)
		return base_fd == -ENOENT ? 0 : base_fd;
	r = find_all(base_fd, &list, err);
	return r < 0 ? r : prune_all(prune, base_fd, &list, err);
}
