/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors, capabilities and resource limits of the child. */
#include "engine/unpack/confine.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/unpack.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PARKED 16
#define MAX_DESCRIPTORS 128
#define MEMORY ((rlim_t)160 << 20) /* writable memory beyond what the parent had at the fork */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const struct {
	unsigned int number;
	const char *name;
} needed[] = {
	{CAP_CHOWN, "CAP_CHOWN"},
	{CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
	{CAP_FOWNER, "CAP_FOWNER"},
	{CAP_FSETID, "CAP_FSETID"},
	{CAP_MKNOD, "CAP_MKNOD"},
	{CAP_SETFCAP, "CAP_SETFCAP"},
};

int vzr_confine_descriptors(int pipe_fd, int archive_fd, int tree_fd)
{
	const int from[] = {pipe_fd, archive_fd, tree_fd};
	int parked[VZR_COUNT(from)], null;

	for (size_t i = 0; i < VZR_COUNT(from); i++) {
		parked[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, PARKED);
		if (from[i] >= 0 && parked[i] < 0)
			return -errno;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	/* A sanitizer's report must be seen. */
	for (int fd = 0; fd < (SANITIZED ? 2 : 3); fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	for (int i = 0; i < (int)VZR_COUNT(from); i++)
		if (parked[i] >= 0 && dup3(parked[i], VZR_CHILD_PIPE + i, O_CLOEXEC) < 0)
			return -errno;
	if (close_range(tree_fd < 0 ? VZR_CHILD_TREE : VZR_CHILD_TREE + 1, ~0u, 0) == 0)
		return 0;
	/* Before Linux 5.9. */
	for (int fd = tree_fd < 0 ? VZR_CHILD_TREE : VZR_CHILD_TREE + 1; fd < 65536; fd++)
		close(fd);
	return 0;
}

static int read_capabilities(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

void vzr_unpack_missing(char missing[VZR_UNPACK_MISSING])
{
	struct __user_cap_data_struct data[2] = { 0 };
	size_t len = 0;

	*missing = '\0';
	if (read_capabilities(data) < 0)
		return;
	for (size_t i = 0; i < VZR_COUNT(needed); i++)
		if (!(data[0].permitted & 1u << needed[i].number))
			len += (size_t)snprintf(missing + len, VZR_UNPACK_MISSING - len, " %s",
						needed[i].name);
}

/* Keeps the needed capabilities of those that there are, in a user namespace too. */
static int drop_capabilities(bool keep, struct vzr_error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	char missing[VZR_UNPACK_MISSING];
	int r = read_capabilities(data);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot read the capabilities");
	vzr_unpack_missing(missing);
	if (keep && *missing)
		return vzr_fail(err, -EPERM,
				"unpacking has to run as root: without%s owners, modes and devices "
				"cannot be set",
				missing);
	memset(data, 0, sizeof(data));
	for (size_t i = 0; keep && i < VZR_COUNT(needed); i++)
		data[0].permitted |= 1u << needed[i].number;
	data[0].effective = data[0].permitted;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, data) < 0)
		return vzr_fail_errno(err, "cannot give up capabilities");
	return 0;
}

static int limit_resource(__rlimit_resource_t resource, rlim_t value, struct vzr_error *err)
{
	struct rlimit now, limit;

	if (getrlimit(resource, &now) < 0)
		return vzr_fail_errno(err, "cannot read a resource limit");
	limit.rlim_cur = limit.rlim_max = value < now.rlim_max ? value : now.rlim_max;
	if (limit.rlim_cur > now.rlim_cur)
		limit.rlim_cur = now.rlim_cur;
	if (setrlimit(resource, &limit) < 0)
		return vzr_fail_errno(err, "cannot set a resource limit");
	return 0;
}

/* Writable private memory of this process, in bytes; 0 if /proc is not there. */
static rlim_t data_in_use(void)
{
	VZR_AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size, resident, shared, text, lib, data;

	if (!f || fscanf(f, "%llu %llu %llu %llu %llu %llu", &size, &resident, &shared, &text, &lib,
			 &data) != 6)
		return 0;
	return (rlim_t)data * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int limit_resources(struct vzr_error *err)
{
	rlim_t used = data_in_use();
	int r = limit_resource(RLIMIT_CORE, 0, err);

	if (r == 0)
		r = limit_resource(RLIMIT_NOFILE, MAX_DESCRIPTORS, err);
	/* Sanitizers count their shadow as data. */
	if (r == 0 && !SANITIZED && used > 0)
		r = limit_resource(RLIMIT_DATA, used + MEMORY, err);
	return r;
}

int vzr_confine(int tree_fd, struct vzr_context *ctx, struct vzr_error *err)
{
	int r;

	/* One arena: each further one may keep memory that another thread has freed. */
	mallopt(M_ARENA_MAX, 1);
	r = limit_resources(err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return vzr_fail_errno(err, "cannot give up new privileges");
	r = drop_capabilities(tree_fd >= 0, err);
	if (r < 0)
		return r;
	r = vzr_confine_landlock(tree_fd, err);
	if (r < 0)
		return r;
	if (r == 0)
		vzr_debug(ctx, "unpacking without Landlock: the kernel does not have it");
	r = vzr_confine_seccomp(err);
	if (r < 0)
		return r;
	if (r == 0)
		vzr_debug(ctx, "unpacking without a system call filter: it is not available");
	return 0;
}

const char *vzr_unpack_confinement(void)
{
	static const char *const texts[] = {
		"no-new-privileges, capabilities",
		"no-new-privileges, capabilities, seccomp",
		"no-new-privileges, capabilities, landlock",
		"no-new-privileges, capabilities, seccomp, landlock",
	};

	return texts[(vzr_seccomp_works() ? 1 : 0) + (vzr_landlock_version() > 0 ? 2 : 0)];
}
