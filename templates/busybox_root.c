/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in the built-in minimal root. */
#include "templates/busybox_root.h"

#include "engine/base/cleanup.h"
#include "templates/name.h"

#include <elf.h>
#include <string.h>
#include <tar.h>

#define ROOT_MAX (64u << 20)
#define PROGRAM "bin/busybox"

struct member {
	char type;
	const char *path;
	mode_t mode;
	const char *data;
};

/* Parents first. Devices are those that OpenVZ and every other container host allow. */
/* clang-format off */
static const struct member members[] = {
	{ DIRTYPE, "bin/", 0755, NULL },
	{ DIRTYPE, "dev/", 0755, NULL },
	{ CHRTYPE, "dev/console", 0600, "5 1" },
	{ SYMTYPE, "dev/fd", 0777, "/proc/self/fd" },
	{ CHRTYPE, "dev/full", 0666, "1 7" },
	{ CHRTYPE, "dev/null", 0666, "1 3" },
	{ CHRTYPE, "dev/ptmx", 0666, "5 2" },
	{ DIRTYPE, "dev/pts/", 0755, NULL },
	{ CHRTYPE, "dev/random", 0666, "1 8" },
	{ DIRTYPE, "dev/shm/", 01777, NULL },
	{ SYMTYPE, "dev/stderr", 0777, "/proc/self/fd/2" },
	{ SYMTYPE, "dev/stdin", 0777, "/proc/self/fd/0" },
	{ SYMTYPE, "dev/stdout", 0777, "/proc/self/fd/1" },
	{ CHRTYPE, "dev/tty", 0666, "5 0" },
	{ CHRTYPE, "dev/urandom", 0666, "1 9" },
	{ CHRTYPE, "dev/zero", 0666, "1 5" },
	{ DIRTYPE, "etc/", 0755, NULL },
	{ REGTYPE, "etc/fstab", 0644, "proc /proc proc defaults 0 0\n"
				      "devpts /dev/pts devpts gid=5,mode=620 0 0\n" },
	{ REGTYPE, "etc/group", 0644,
	  "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\n"
	  "utmp:x:43:\nusers:x:100:\nnogroup:x:65534:\n" },
	{ REGTYPE, "etc/hostname", 0644, "localhost\n" },
	{ REGTYPE, "etc/hosts", 0644, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n" },
	{ DIRTYPE, "etc/init.d/", 0755, NULL },
	{ REGTYPE, "etc/init.d/rcK", 0755,
	  "#!/bin/sh\n# Stops the system.\n"
	  "ifdown -a 2>/dev/null\n"
	  "sync\n" },
	{ REGTYPE, "etc/init.d/rcS", 0755,
	  "#!/bin/sh\n# Starts the system.\n"
	  "mount -a 2>/dev/null\n"
	  "[ -d /sys/kernel ] || mount -t sysfs sysfs /sys 2>/dev/null\n"
	  "hostname -F /etc/hostname 2>/dev/null\n"
	  "ifup -a 2>/dev/null\n"
	  "syslogd 2>/dev/null\n"
	  "crond 2>/dev/null\n"
	  "exit 0\n" },
	{ REGTYPE, "etc/inittab", 0644,
	  "::sysinit:/etc/init.d/rcS\n"
	  "::respawn:/sbin/getty 38400 console\n"
	  "::ctrlaltdel:/sbin/reboot\n"
	  "::shutdown:/etc/init.d/rcK\n" },
	{ REGTYPE, "etc/issue", 0644, "minimal root on \\n \\l\n" },
	{ DIRTYPE, "etc/network/", 0755, NULL },
	{ DIRTYPE, "etc/network/if-down.d/", 0755, NULL },
	{ DIRTYPE, "etc/network/if-post-down.d/", 0755, NULL },
	{ DIRTYPE, "etc/network/if-pre-up.d/", 0755, NULL },
	{ DIRTYPE, "etc/network/if-up.d/", 0755, NULL },
	{ REGTYPE, "etc/network/interfaces", 0644, "auto lo\niface lo inet loopback\n" },
	{ REGTYPE, "etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n" },
	{ REGTYPE, "etc/os-release", 0644, "NAME=\"busybox minimal\"\nID=busybox\n"
					   "PRETTY_NAME=\"busybox minimal\"\n" },
	{ REGTYPE, "etc/passwd", 0644,
	  "root:x:0:0:root:/root:/bin/sh\n"
	  "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
	  "bin:x:2:2:bin:/bin:/bin/false\n"
	  "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" },
	{ REGTYPE, "etc/profile", 0644,
	  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	  "export PATH\numask 022\n" },
	{ REGTYPE, "etc/resolv.conf", 0644, "" },
	{ REGTYPE, "etc/securetty", 0600, "console\ntty1\ntty2\n" },
	{ REGTYPE, "etc/shadow", 0600,
	  "root:*:10957:0:99999:7:::\ndaemon:*:10957:0:99999:7:::\n"
	  "bin:*:10957:0:99999:7:::\nnobody:*:10957:0:99999:7:::\n" },
	{ REGTYPE, "etc/shells", 0644, "/bin/sh\n/bin/ash\n" },
	{ DIRTYPE, "home/", 0755, NULL },
	{ DIRTYPE, "lib/", 0755, NULL },
	{ DIRTYPE, "mnt/", 0755, NULL },
	{ DIRTYPE, "opt/", 0755, NULL },
	{ DIRTYPE, "proc/", 0555, NULL },
	{ DIRTYPE, "root/", 0700, NULL },
	{ DIRTYPE, "run/", 0755, NULL },
	{ DIRTYPE, "sbin/", 0755, NULL },
	{ DIRTYPE, "srv/", 0755, NULL },
	{ DIRTYPE, "sys/", 0555, NULL },
	{ DIRTYPE, "tmp/", 01777, NULL },
	{ DIRTYPE, "usr/", 0755, NULL },
	{ DIRTYPE, "usr/bin/", 0755, NULL },
	{ DIRTYPE, "usr/lib/", 0755, NULL },
	{ DIRTYPE, "usr/local/", 0755, NULL },
	{ DIRTYPE, "usr/local/bin/", 0755, NULL },
	{ DIRTYPE, "usr/local/sbin/", 0755, NULL },
	{ DIRTYPE, "usr/sbin/", 0755, NULL },
	{ DIRTYPE, "usr/share/", 0755, NULL },
	{ DIRTYPE, "var/", 0755, NULL },
	{ DIRTYPE, "var/cache/", 0755, NULL },
	{ DIRTYPE, "var/lib/", 0755, NULL },
	{ DIRTYPE, "var/lock/", 0755, NULL },
	{ DIRTYPE, "var/log/", 0755, NULL },
	{ SYMTYPE, "var/run", 0777, "../run" },
	{ DIRTYPE, "var/spool/", 0755, NULL },
	{ DIRTYPE, "var/spool/cron/", 0755, NULL },
	{ DIRTYPE, "var/spool/cron/crontabs/", 0700, NULL },
	{ DIRTYPE, "var/tmp/", 01777, NULL },
};
/* clang-format on */

int vzr_elf_check(const char *path, const char *data, size_t len, const char **ret_arch,
		  struct vzr_error *err)
{
	const unsigned char *id = (const unsigned char *)data;
	bool wide, little;
	uint64_t at, size;
	Elf64_Ehdr h64;
	Elf32_Ehdr h32;
	unsigned int count, kind;
	const char *arch;

	if (len < sizeof(h64) || memcmp(id, ELFMAG, SELFMAG) != 0)
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s is no ELF program", path);
	wide = id[EI_CLASS] == ELFCLASS64;
	little = id[EI_DATA] == ELFDATA2LSB;
	/* Fields are read in this machine's order: only a program for this order can run here. */
	if (little != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s is for another byte order", path);
	memcpy(&h64, data, sizeof(h64));
	memcpy(&h32, data, sizeof(h32));
	arch = vzr_arch_of_elf(wide ? h64.e_machine : h32.e_machine, wide, little);
	kind = wide ? h64.e_type : h32.e_type;
	if (!arch || (kind != ET_EXEC && kind != ET_DYN))
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s is no program of a known architecture",
				path);
	at = wide ? h64.e_phoff : h32.e_phoff;
	size = wide ? h64.e_phentsize : h32.e_phentsize;
	count = wide ? h64.e_phnum : h32.e_phnum;
	if (size < sizeof(uint32_t) || at > len || (uint64_t)count * size > len - at || count == 0)
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s has a broken ELF header", path);
	for (unsigned int i = 0; i < count; i++) {
		uint32_t type;

		memcpy(&type, data + at + i * size, sizeof(type));
		if (type == PT_INTERP)
			return vzr_fail(err, -VZR_E_UNSUPPORTED,
					"%s needs shared libraries; a static one is needed "
					"(Debian: "
					"apt-get install busybox-static)",
					path);
	}
	*ret_arch = arch;
	return 0;
}

/* "usr/bin/awk" links to "../../bin/busybox": right inside the root and outside of it. */
static void add_applet(struct vzr_tar *tar, const char *path)
{
	static const struct {
		const char *directory;
		const char *target;
	} places[] = { { "bin/", "busybox" },
		       { "sbin/", "../bin/busybox" },
		       { "usr/bin/", "../../bin/busybox" },
		       { "usr/sbin/", "../../bin/busybox" } };

	if (strcmp(path, PROGRAM) == 0)
		return;
	for (size_t i = 0; i < VZR_COUNT(places); i++) {
		size_t n = strlen(places[i].directory);

		if (strncmp(path, places[i].directory, n) == 0 && path[n] && !strchr(path + n, '/'))
			vzr_tar_add(tar, SYMTYPE, path, 0777, places[i].target, 0);
	}
}

int vzr_busybox_root(const char *program, size_t len, const char *applets,
		     struct vzr_buf *ret_archive)
{
	struct vzr_tar tar = { .buf.max = ROOT_MAX };
	VZR_AUTO_FREE char *copy = strdup(applets);
	char *save = NULL;
	int r;

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < VZR_COUNT(members); i++)
		vzr_tar_add(&tar, members[i].type, members[i].path, members[i].mode,
			    members[i].data,
			    members[i].type == REGTYPE ? strlen(members[i].data) : 0);
	vzr_tar_add(&tar, REGTYPE, PROGRAM, 0755, program, len);
	for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		add_applet(&tar, p);
	r = vzr_tar_end(&tar);
	if (r < 0)
		vzr_buf_done(&tar.buf);
	else
		*ret_archive = tar.buf;
	return r;
}
