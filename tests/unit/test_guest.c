/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests: what is changed in them, and that nothing of theirs is followed outside. */
#include "tests/unit/guest.h"

/* ---- host name ---- */

static void hostname_files(void **state)
{
	static const struct {
		const char *dir, *path, *before, *after;
	} rows[] = {
		{ NULL, "etc/hostname", "builder\n", "www.example.org\n" },
		{ NULL, "etc/HOSTNAME", "linux.site\n", "www.example.org\n" },
		{ "etc/sysconfig", "etc/sysconfig/network",
		  "NETWORKING=yes\nHOSTNAME=localhost.localdomain\nGATEWAY=10.0.0.1",
		  "NETWORKING=yes\nHOSTNAME=\"www.example.org\"\nGATEWAY=10.0.0.1\n" },
		{ "etc/sysconfig", "etc/sysconfig/network", "NETWORKING=yes\n",
		  "NETWORKING=yes\nHOSTNAME=\"www.example.org\"\n" },
		{ "etc/conf.d", "etc/conf.d/hostname",
		  "# Set to the hostname of this machine\nhostname=\"localhost\"\n",
		  "# Set to the hostname of this machine\nhostname=\"www.example.org\"\n" },
		{ NULL, "etc/rc.conf", "A=1\n HOSTNAME=\"a\"\nHOSTNAME=b\n#HOSTNAME=c\n",
		  "A=1\nHOSTNAME=\"www.example.org\"\n#HOSTNAME=c\n" },
		{ NULL, "etc/rc.conf", "rc_sys=\"openvz\"\n", "rc_sys=\"openvz\"\n" },
	};
	struct guest *g = *state;

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct stat st;

		if (rows[i].dir)
			make_dir(g, rows[i].dir);
		put_text(g->root, rows[i].path, rows[i].before);
		assert_int_equal(fchmodat(g->root, rows[i].path, 0640, 0), 0);
		g->job.hostname = "www.example.org";
		customise(g);
		assert_string_equal(text_of(g->root, rows[i].path), rows[i].after);
		assert_int_equal(fstatat(g->root, rows[i].path, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0640);
		/* etc/hostname is made only for a guest that keeps its name nowhere else. */
		assert_int_equal(exists(g->root, "etc/hostname"),
				 i == 0 || i == VZR_COUNT(rows) - 1);
		assert_int_equal(unlinkat(g->root, rows[i].path, 0), 0);
		if (rows[i].dir)
			assert_int_equal(unlinkat(g->root, rows[i].dir, AT_REMOVEDIR), 0);
		unlinkat(g->root, "etc/hostname", 0);
	}
	assert_string_equal(g->log, "");
}

static void hostname_new(void **state)
{
	struct guest *g = *state;
	struct stat st;

	g->job.hostname = "fc6";
	if (geteuid() == 0)
		g->job.root_uid = g->job.root_gid = 100000;
	customise(g);
	assert_string_equal(text_of(g->root, "etc/hostname"), "fc6\n");
	assert_int_equal(fstatat(g->root, "etc/hostname", &st, 0), 0);
	assert_int_equal(st.st_uid, g->job.root_uid);
	assert_int_equal(st.st_gid, g->job.root_gid);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_string_equal(text_of(g->root, "etc/hosts"),
			    "127.0.0.1 localhost.localdomain localhost\n"
			    "::1 localhost.localdomain localhost\n127.0.1.1 fc6\n");
	assert_string_equal(text_of(g->root, "etc/resolv.conf"), "");
	assert_int_equal(fstatat(g->root, "etc/resolv.conf", &st, 0), 0);
	assert_int_equal(st.st_uid, g->job.root_uid);
}

static void hostname_bad(void **state)
{
	struct guest *g = *state;

	g->job.hostname = "x\nroot::0:0";
	put_text(g->root, "etc/hostname", "builder\n");
	customise(g);
	assert_string_equal(text_of(g->root, "etc/hostname"), "builder\n");
	assert_warned(g, "is not a host name");
}

static void umask_does_not_matter(void **state)
{
	struct guest *g = *state;
	mode_t old = umask(0777);
	struct stat st;

	g->job.hostname = "fc6";
	customise(g);
	umask(old);
	assert_int_equal(fstatat(g->root, "etc/hosts", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

/* ---- hosts and resolver ---- */

static void hosts(void **state)
{
	static const struct {
		const char *hostname, *before, *after;
	} rows[] = {
		{ "www.example.org",
		  "127.0.0.1\tlocalhost\n127.0.1.1\tbuilder # the one\n::1 ip6-localhost",
		  "127.0.0.1\tlocalhost\n::1 ip6-localhost\n127.0.1.1 www.example.org www\n" },
		{ "www", "#127.0.0.1 localhost\n10.0.0.1 www\n",
		  "#127.0.0.1 localhost\n10.0.0.1 www\n"
		  "127.0.0.1 localhost.localdomain localhost\n"
		  "::1 localhost.localdomain localhost\n" },
		{ "www", "127.0.0.1 localhost wwww www.x\n::1 a\n",
		  "127.0.0.1 localhost wwww www.x\n::1 a\n127.0.1.1 www\n" },
		{ NULL, "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 builder\n",
		  "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 builder\n" },
	};
	struct guest *g = *state;

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		put_text(g->root, "etc/hosts", rows[i].before);
		g->job.hostname = rows[i].hostname;
		customise(g);
		assert_string_equal(text_of(g->root, "etc/hosts"), rows[i].after);
		/* Twice is once. */
		customise(g);
		assert_string_equal(text_of(g->root, "etc/hosts"), rows[i].after);
	}
}

static void resolver(void **state)
{
	static const char *const servers[] = { "10.0.0.53", "2001:db8::53" };
	static const char *const bad[] = { "10.0.0.53\nnameserver 6.6.6.6" };
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;

	put_text(g->root, "etc/resolv.conf", "nameserver 192.168.0.1\n");
	customise(g);
	assert_string_equal(text_of(g->root, "etc/resolv.conf"), "nameserver 192.168.0.1\n");
	g->job.nameservers = servers;
	g->job.n_nameservers = 2;
	customise(g);
	assert_string_equal(text_of(g->root, "etc/resolv.conf"),
			    "nameserver 10.0.0.53\nnameserver 2001:db8::53\n");
	g->job.nameservers = bad;
	g->job.n_nameservers = 1;
	assert_error(vzr_guest_customise(&g->job, &err), -VZR_E_INPUT, &err,
		     "is not an IP address");
}

/* ---- identity ---- */

static void identity(void **state)
{
	struct guest *g = *state;
	struct stat st;

	make_dir(g, "var");
	make_dir(g, "var/lib");
	make_dir(g, "var/lib/dbus");
	make_dir(g, "etc/ssh");
	make_dir(g, "etc/ssh/ssh_host_dir_key");
	put_text(g->root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	assert_int_equal(fchmodat(g->root, "etc/machine-id", 0444, 0), 0);
	put_text(g->root, "var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
	put_text(g->outside, "precious", "");
	put_text(g->root, "etc/ssh/ssh_host_rsa_key", "secret");
	put_text(g->root, "etc/ssh/ssh_host_rsa_key.pub", "public");
	put_text(g->root, "etc/ssh/ssh_host_key", "secret of protocol 1");
	put_text(g->root, "etc/ssh/sshd_config", "");
	assert_int_equal(symlinkat("../../../precious", g->root, "etc/ssh/ssh_host_dsa_key"), 0);
	customise(g);
	assert_int_equal(fstatat(g->root, "etc/machine-id", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_false(exists(g->root, "var/lib/dbus/machine-id"));
	assert_false(exists(g->root, "etc/ssh/ssh_host_rsa_key"));
	assert_false(exists(g->root, "etc/ssh/ssh_host_rsa_key.pub"));
	assert_false(exists(g->root, "etc/ssh/ssh_host_key"));
	assert_false(exists(g->root, "etc/ssh/ssh_host_dsa_key"));
	assert_true(exists(g->root, "etc/ssh/ssh_host_dir_key"));
	assert_true(exists(g->root, "etc/ssh/sshd_config"));
	assert_true(exists(g->outside, "precious"));
}

static void identity_absent(void **state)
{
	struct guest *g = *state;

	make_dir(g, "var");
	make_dir(g, "var/lib");
	make_dir(g, "var/lib/dbus");
	assert_int_equal(symlinkat("/etc/machine-id", g->root, "var/lib/dbus/machine-id"), 0);
	customise(g);
	assert_false(exists(g->root, "etc/machine-id"));
	assert_true(exists(g->root, "var/lib/dbus/machine-id"));
	assert_string_equal(g->log, "");
}

static void root_password(void **state)
{
	struct guest *g = *state;
	struct stat st;

	put_text(g->root, "etc/passwd",
		 "#root::0\nroot::0:0:root:/root:/bin/sh\nbob::1000:1000::/:/bin/sh");
	put_text(g->root, "etc/shadow", "root::18000:0:99999:7:::\nbin:*:1\n");
	assert_int_equal(fchmodat(g->root, "etc/shadow", 0600, 0), 0);
	customise(g);
	assert_string_equal(text_of(g->root, "etc/passwd"),
			    "#root::0\nroot:!!:0:0:root:/root:/bin/sh\n"
			    "bob::1000:1000::/:/bin/sh");
	assert_string_equal(text_of(g->root, "etc/shadow"),
			    "root:!:18000:0:99999:7:::\nbin:*:1\n");
	assert_int_equal(fstatat(g->root, "etc/shadow", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	put_text(g->root, "etc/shadow", "root:$6$x:18000::::::\n");
	customise(g);
	assert_string_equal(text_of(g->root, "etc/shadow"), "root:$6$x:18000::::::\n");
}

/* ---- hostile guests ---- */

static const char *const edited[] = { "etc/hostname", "etc/hosts",  "etc/resolv.conf",
				      "etc/machine-id", "etc/passwd", "etc/shadow",
				      "etc/crontab" };

static void links_outside(void **state)
{
	struct guest *g = *state;
	char absolute[128];

	put_text(g->outside, "host-file", "root::0:0\n1 2 * * * root x\n");
	snprintf(absolute, sizeof(absolute), "%s/host-file", g->path);
	g->job.hostname = "fc6";
	for (size_t i = 0; i < VZR_COUNT(edited); i++)
		assert_int_equal(symlinkat(i % 2 ? absolute : "../../host-file", g->root,
					   edited[i]),
				 0);
	customise(g);
	assert_string_equal(text_of(g->outside, "host-file"), "root::0:0\n1 2 * * * root x\n");
	for (size_t i = 0; i < VZR_COUNT(edited); i++) {
		struct stat st;
		char text[128];

		assert_int_equal(fstatat(g->root, edited[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISLNK(st.st_mode));
		snprintf(text, sizeof(text), "%s is a symbolic link", edited[i]);
		assert_warned(g, text);
	}
}

static void fifos(void **state)
{
	struct guest *g = *state;

	/* Opened for reading, one of them would hang for ever. */
	g->job.hostname = "fc6";
	for (size_t i = 0; i < VZR_COUNT(edited); i++)
		assert_int_equal(mkfifoat(g->root, edited[i], 0644), 0);
	customise(g);
	for (size_t i = 0; i < VZR_COUNT(edited); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s is no regular file", edited[i]);
		assert_warned(g, text);
	}
}

static void etc_elsewhere(void **state)
{
	struct guest *g = *state;

	/* A link in the place of a directory is not followed either, wherever it leads. */
	assert_int_equal(unlinkat(g->root, "etc", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(g->outside, "host-etc", 0755), 0);
	put_text(g->outside, "host-etc/passwd", "root::0:0\n");
	assert_int_equal(symlinkat("../host-etc", g->root, "etc"), 0);
	g->job.hostname = "fc6";
	customise(g);
	assert_string_equal(text_of(g->outside, "host-etc/passwd"), "root::0:0\n");
	assert_false(exists(g->outside, "host-etc/hosts"));
	assert_false(exists(g->outside, "host-etc/hostname"));
	assert_warned(g, "etc is no directory of its own");
}

static void etc_absent(void **state)
{
	struct guest *g = *state;

	assert_int_equal(unlinkat(g->root, "etc", AT_REMOVEDIR), 0);
	g->job.hostname = "fc6";
	customise(g);
	assert_false(exists(g->root, "etc"));
	put_text(g->root, "etc", "a file");
	customise(g);
	assert_string_equal(text_of(g->root, "etc"), "a file");
}

static void hard_links(void **state)
{
	struct guest *g = *state;

	put_text(g->root, "etc/hosts", "10.0.0.1 other\n");
	assert_int_equal(linkat(g->root, "etc/hosts", g->outside, "shared", 0), 0);
	customise(g);
	assert_string_equal(text_of(g->outside, "shared"), "10.0.0.1 other\n");
	assert_non_null(strstr(text_of(g->root, "etc/hosts"), "127.0.0.1 localhost"));
}

static void huge_file(void **state)
{
	struct guest *g = *state;
	struct stat st;
	int fd = openat(g->root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	customise(g);
	assert_warned(g, "etc/passwd is larger than 1 MiB");
	assert_int_equal(fstatat(g->root, "etc/passwd", &st, 0), 0);
	assert_true(st.st_size == (off_t)1 << 40);
}

static void no_temporary_stays(void **state)
{
	struct guest *g = *state;
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;

	g->job.hostname = "fc6";
	put_text(g->root, "etc/passwd", "root::0:0\n");
	customise(g);
	dir = fdopendir(openat(g->root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		assert_null(strstr(entry->d_name, "vzroot"));
}

/* ---- cron ---- */

static uint32_t always_99(void *data)
{
	(void)data;
	return 99;
}

static void cron_lines(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{ "17 *\t* * *\troot    cd / && x\n", "39 *\t* * *\troot    cd / && x\n" },
		{ "25 6 * * * root x y\n", "39 3 * * * root x y\n" },
		{ "  5 4 1 * * root x", "  39 3 1 * * root x" },
		{ "*/5 4 * * sun root x\n", "*/5 3 * * sun root x\n" },
		{ "1-5 * * jan 1,2 root x\n", "1-5 * * jan 1,2 root x\n" },
		/* No jobs of a system crontab: comments, settings, too few fields, words. */
		{ "# 1 2 3 4 5 6 7\n", "# 1 2 3 4 5 6 7\n" },
		{ "A=1 2 3 4 5 6 7\n", "A=1 2 3 4 5 6 7\n" },
		{ "1 2 3 4 5 x\n", "1 2 3 4 5 x\n" },
		{ "1 2 x 4 5 root x\n", "1 2 x 4 5 root x\n" },
		{ "@daily root x y z a b c\n", "@daily root x y z a b c\n" },
		{ "MAILTO=root\n\n1 1 1 1 1 a b\n", "MAILTO=root\n\n39 3 1 1 1 a b\n" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_BUF struct vzr_buf out = { 0 };

		assert_int_equal(vzr_guest_cron_text(rows[i].before, strlen(rows[i].before),
						     always_99, NULL, &out),
				 0);
		assert_string_equal(vzr_buf_cstr(&out), rows[i].after);
	}
}

static void cron_files(void **state)
{
	static const char line[] = "73 99 * * * root job\n";
	static const char keep[] = "# VZCTL_POSTCREATE_SKIP\n73 99 * * * root job\n";
	struct guest *g = *state;

	make_dir(g, "etc/cron.d");
	put_text(g->outside, "host-cron", line);
	put_text(g->root, "etc/crontab", line);
	put_text(g->root, "etc/cron.d/job", line);
	put_text(g->root, "etc/cron.d/keep", keep);
	put_text(g->root, "etc/cron.d/.placeholder", line);
	assert_int_equal(symlinkat("../../../host-cron", g->root, "etc/cron.d/link"), 0);
	assert_int_equal(mkfifoat(g->root, "etc/cron.d/fifo", 0600), 0);
	customise(g);
	/* No simple number of 60 and more is drawn, so that these have changed for sure. */
	assert_string_not_equal(text_of(g->root, "etc/crontab"), line);
	assert_string_not_equal(text_of(g->root, "etc/cron.d/job"), line);
	assert_non_null(strstr(text_of(g->root, "etc/cron.d/job"), " * * * root job\n"));
	assert_string_equal(text_of(g->root, "etc/cron.d/keep"), keep);
	assert_string_equal(text_of(g->root, "etc/cron.d/.placeholder"), line);
	assert_string_equal(text_of(g->outside, "host-cron"), line);
	assert_warned(g, "etc/cron.d/link is a symbolic link");
	assert_warned(g, "etc/cron.d/fifo is no regular file");
}

int main(void)
{
#define IN_GUEST(test) cmocka_unit_test_setup_teardown(test, guest_open, guest_close)
	const struct CMUnitTest tests[] = {
		IN_GUEST(hostname_files),
		IN_GUEST(hostname_new),
		IN_GUEST(hostname_bad),
		IN_GUEST(umask_does_not_matter),
		IN_GUEST(hosts),
		IN_GUEST(resolver),
		IN_GUEST(identity),
		IN_GUEST(identity_absent),
		IN_GUEST(root_password),
		IN_GUEST(links_outside),
		IN_GUEST(fifos),
		IN_GUEST(etc_elsewhere),
		IN_GUEST(etc_absent),
		IN_GUEST(hard_links),
		IN_GUEST(huge_file),
		IN_GUEST(no_temporary_stays),
		cmocka_unit_test(cron_lines),
		IN_GUEST(cron_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
