/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this host can and cannot do, and how to enable it. */
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"
#include "engine/engine.h"
#include "engine/handoff/handoff.h"
#include "engine/quota/quota.h"
#include "engine/area/area.h"
#include "engine/unpack/unpack.h"
#include "engine/limits.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

struct doctor {
	struct vzr_engine *engine;
	vzr_finding_fn fn;
	void *data;
};

static void tell(const struct doctor *d, const char *what, int state, const char *fmt, ...)
	VZR_PRINTF(4, 5);

static void tell(const struct doctor *d, const char *what, int state, const char *fmt, ...)
{
	char raw[512], text[512];
	const struct vzr_finding finding = { .what = what, .state = state, .detail = text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	vzr_escape(text, sizeof(text), raw);
	d->fn(d->data, &finding);
}

static void look_at_rights(const struct doctor *d)
{
	char missing[VZR_UNPACK_MISSING];

	vzr_unpack_missing(missing);
	if (*missing)
		tell(d, "rights", 0, "missing:%s; create and destroy need root", missing);
	else
		tell(d, "rights", 1, "every capability that making a root file system needs");
}

static void look_at_kernel(const struct doctor *d)
{
	const struct open_how how = { .flags = O_PATH, .resolve = RESOLVE_IN_ROOT };
	VZR_AUTO_CLOSE int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	tell(d, "openat2", fd >= 0,
	     fd >= 0 ? "paths are resolved by the kernel"
		     : "not here (Linux 5.6 has it): paths are walked step by step");
	tell(d, "confinement", 1, "the unpacking child is held by %s", vzr_unpack_confinement());
}

static const char *fs_name(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return "unknown";
	switch ((unsigned long)st.f_type) {
	case EXT4_SUPER_MAGIC:
		return "ext4";
	case XFS_SUPER_MAGIC:
		return "xfs";
	case BTRFS_SUPER_MAGIC:
		return "btrfs";
	case TMPFS_MAGIC:
		return "tmpfs";
	case OVERLAYFS_SUPER_MAGIC:
		return "overlay";
	case NFS_SUPER_MAGIC:
		return "nfs";
	default:
		return "other";
	}
}

/* "/vz/private/$VEID" -> the directory that holds the private areas */
static void look_at_areas(const struct doctor *d)
{
	const char *setting = vzr_setting(d->engine->settings, "VE_PRIVATE");
	VZR_AUTO_FREE char *dir = strdup(setting);
	VZR_AUTO_CLOSE int fd = -1;
	char free_text[VZR_SIZE_TEXT], reason[VZR_AREA_REASON];
	uint64_t kib, inodes;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return;
	*(slash == dir ? slash + 1 : slash) = '\0';
	fd = vzr_open_in_root(vzr_settings_root_fd(d->engine->settings), dir,
			      O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || vzr_free_space(fd, &kib, &inodes, NULL) < 0) {
		tell(d, "private areas", -1, "%s does not exist yet; create makes it", dir);
		return;
	}
	tell(d, "private areas", 1, "%s is on %s, %s free", dir, fs_name(fd),
	     vzr_kib_text(kib, free_text));
	for (size_t i = 0; vzr_area_get(i); i++) {
		const struct vzr_area_ops *ops = vzr_area_get(i);
		char what[64];

		snprintf(what, sizeof(what), "area %s", ops->name);
		tell(d, what, ops->probe(fd, "openvz", reason) == 1, "%s", reason);
	}
}

static void look_at_targets(const struct doctor *d)
{
	char reason[VZR_HANDOFF_REASON], what[64];

	for (size_t i = 0; vzr_handoff_get(i); i++) {
		const struct vzr_handoff_ops *ops = vzr_handoff_get(i);

		snprintf(what, sizeof(what), "handoff %s", ops->name);
		if (ops->probe(d->engine->settings, reason) == 1)
			tell(d, what, 1, "%s", reason);
		else
			tell(d, what, 0,
			     "%s; install it to run containers here; for another host they are "
			     "made with --root",
			     reason);
	}
}

static void look_at_quotas(const struct doctor *d)
{
	const struct vzr_limits vm = { 1u << 20, 1u << 20, 1u << 16, 1u << 16, VZR_NO_LIMIT };
	const struct vzr_quota_job job = {
		.ctx = NULL,
		.settings = d->engine->settings,
		.handoff = vzr_handoff_get(0)->name,
		.vm = &vm,
	};
	char reason[VZR_QUOTA_REASON], what[64];

	for (size_t i = 0; vzr_quota_get(i); i++) {
		const struct vzr_quota_ops *ops = vzr_quota_get(i);

		snprintf(what, sizeof(what), "quota %s", ops->name);
		tell(d, what, ops->probe(&job, reason) == 1, "%s", reason);
	}
}

static void look_at_programs(const struct doctor *d)
{
	const char *busybox = vzr_setting(d->engine->settings, "BUSYBOX");

	if (access("/usr/bin/gpgv", X_OK) == 0 || access("/bin/gpgv", X_OK) == 0)
		tell(d, "gpgv", 1, "signatures of template sources can be verified");
	else
		tell(d, "gpgv", 0, "signed sources cannot be used: apt-get install gpgv");
	if (access(busybox, X_OK) == 0)
		tell(d, "busybox", 1, "%s makes the built-in template", busybox);
	else
		tell(d, "busybox", 0,
		     "no %s, so no built-in template: apt-get install busybox-static", busybox);
}

static void look_at_store(const struct doctor *d)
{
	struct vzr_error why = VZR_ERROR_INIT;
	char text[VZR_SIZE_TEXT];
	uint64_t kib;

	if (vzr_engine_catalogue(d->engine, &why) < 0 ||
	    vzr_store_free_space(d->engine->store, &kib, &why) < 0)
		tell(d, "template cache", 0, "%s", why.msg);
	else
		tell(d, "template cache", 1, "%s, %s free",
		     vzr_setting(d->engine->settings, "CACHE_DIR"), vzr_kib_text(kib, text));
}

int vzr_doctor(struct vzr_engine *engine, vzr_finding_fn fn, void *data, struct vzr_error *err)
{
	const struct doctor d = { .engine = engine, .fn = fn, .data = data };

	(void)err;
	look_at_rights(&d);
	look_at_kernel(&d);
	look_at_areas(&d);
	look_at_targets(&d);
	look_at_quotas(&d);
	look_at_programs(&d);
	look_at_store(&d);
	return 0;
}
