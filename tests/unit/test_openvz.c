/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenVZ 6 target: what is refused, publishing and its opposite. */
#include "tests/unit/world.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/handoff/handoff.h"
#include "engine/handoff/internal.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define UUID "c0ffee00-1234-4321-abcd-0123456789ab"

static const struct vzr_handoff_ops *openvz(void)
{
	const struct vzr_handoff_ops *ops = vzr_handoff_find("openvz");

	assert_non_null(ops);
	return ops;
}

static char domain_name[] = "web1";

static const struct vzr_domain domain = { .name = domain_name };

static struct vzr_handoff_job job_of(struct world *w)
{
	return (struct vzr_handoff_job){
		.ctx = &w->ctx,
		.settings = w->settings,
		.domain = &domain,
		.ctid = 101,
		.name = "web1",
		.uuid = UUID,
		.private_path = "/vz/private/101",
		.template_name = "fedora-core6-i386-minimal",
		.staging_fd = -1,
		.staging_name = "tree",
		.no_sync = true,
	};
}

/* ---- check ---- */

static void free_id(struct world *w)
{
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(openvz()->check(&job, &err), &err);
}

static void check_empty(void **state)
{
	free_id(*state);
}

/* What OpenVZ has no counterpart for is told by name, once. */
static void check_tells_the_rest(void **state)
{
	static char network[] = "network", bridge[] = "bridge", ip[] = "10.0.0.1",
		    target[] = "/srv", init[] = "/bin/sh", profile[] = "big";
	char *ips[] = { ip };
	struct vzr_interface nics[] = { { .type = bridge, .ips = ips, .n_ips = 1 },
					{ .type = network } };
	struct vzr_filesystem fs = { .type = VZR_ROOT_MOUNT, .target = target };
	struct vzr_idmap idmap = { .count = 1 };
	struct vzr_domain full = { .name = domain_name, .profile = profile, .init = init,
				   .interfaces = nics, .n_interfaces = 2, .filesystems = &fs,
				   .n_filesystems = 1, .idmaps = &idmap, .n_idmaps = 1 };
	static const char *const texts[] = {
		"<profile> big is without effect: /etc/vz/conf has no samples",
		"<idmap> is without effect",
		"<init> /bin/sh is without effect",
		"the filesystem at /srv is not set up",
		"the addresses of interface 1 are not set",
		"interface 2 of type 'network' is not set up",
	};
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(openvz()->check(&job, &err), &err);
	assert_string_equal(w->log, "");
	job.domain = &full;
	assert_ok(openvz()->check(&job, &err), &err);
	for (size_t i = 0; i < VZR_COUNT(texts); i++)
		assert_logged(w, texts[i]);
	w->log[0] = '\0';
	job.ctx = NULL;
	assert_ok(openvz()->check(&job, &err), &err);
	assert_string_equal(w->log, "");
}

static void check_ids(void **state)
{
	static const struct {
		uint32_t ctid;
		bool fine;
	} rows[] = { { 0, false },	    { 1, false },	   { 100, false },
		     { 101, true },	    { 2147483644u, true }, { 2147483645u, false },
		     { UINT32_MAX, false } };
	struct vzr_handoff_job job = job_of(*state);

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_FREE char *path = NULL;
		struct vzr_error err = VZR_ERROR_INIT;

		job.ctid = rows[i].ctid;
		path = openvz()->private_path(job.settings, job.ctid);
		job.private_path = path;
		if (rows[i].fine)
			assert_ok(openvz()->check(&job, &err), &err);
		else
			assert_error(openvz()->check(&job, &err), -VZR_E_INPUT, &err,
				     "is no container id of OpenVZ");
	}
}

static void check_conf(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	assert_int_equal(openvz()->exists(w->settings, 101, &err), 0);
	make_dirs(w, "etc/vz/conf");
	/* Even one that leads nowhere: vzctl would write through it. */
	assert_int_equal(symlinkat("nowhere", w->fd, "etc/vz/conf/101.conf"), 0);
	assert_int_equal(openvz()->exists(w->settings, 101, &err), 1);
	assert_error(openvz()->check(&job, &err), -VZR_E_EXISTS, &err,
		     "OpenVZ has a container 101 already");
}

static void occupy(struct world *w, const char *kind)
{
	const char *path = "vz/private/101";

	if (strcmp(kind, "not empty") == 0)
		make_dirs(w, "vz/private/101/x");
	else if (strcmp(kind, "a symbolic link") == 0)
		assert_int_equal(symlinkat("/nowhere", w->fd, path), 0);
	else if (strcmp(kind, "not a directory") == 0)
		assert_int_equal(mkfifoat(w->fd, path, 0600), 0);
}

static void check_private_area(void **state)
{
	static const char *const kinds[] = { "not empty", "a symbolic link", "not a directory" };
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);

	for (size_t i = 0; i < VZR_COUNT(kinds); i++) {
		struct vzr_error err = VZR_ERROR_INIT;

		make_dirs(w, "vz/private");
		occupy(w, kinds[i]);
		assert_error(openvz()->check(&job, &err), -VZR_E_EXISTS, &err, kinds[i]);
		/* Known to nobody all the same: a removal that was interrupted can go on. */
		assert_int_equal(openvz()->exists(w->settings, 101, &err), 0);
		assert_ok(vzr_rm_tree(w->fd, "vz", &err), &err);
	}
	make_dirs(w, "vz/private/101");
	free_id(w);
}

static void check_parent_mode(void **state)
{
	static const struct {
		mode_t mode;
		bool fine;
	} rows[] = { { 0755, true }, { 0700, true }, { 0775, true }, { 0777, false },
		     { 01777, false } };
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error owner = VZR_ERROR_INIT;

	if (geteuid() != 0)
		skip();
	make_dirs(w, "vz/private");
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_error err = VZR_ERROR_INIT;

		assert_int_equal(fchmodat(w->fd, "vz/private", rows[i].mode, 0), 0);
		if (rows[i].fine)
			assert_ok(openvz()->check(&job, &err), &err);
		else
			assert_error(openvz()->check(&job, &err), -VZR_E_CONFIG, &err,
				     "can be changed by others than root");
	}
	assert_int_equal(fchmodat(w->fd, "vz/private", 0755, 0), 0);
	assert_int_equal(fchownat(w->fd, "vz/private", 1000, 1000, 0), 0);
	assert_error(openvz()->check(&job, &owner), -VZR_E_CONFIG, &owner, "chown it to root");
}

static void check_paths(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;
	char path[400];

	assert_ok(vzr_settings_set(w->settings, "VE_PRIVATE", "/vz/private", &err), &err);
	assert_error(openvz()->check(&job, &err), -VZR_E_CONFIG, &err, "has no $VEID in it");
	memset(path, 'x', sizeof(path));
	memcpy(path, "/$VEID/", 7);
	path[300] = '\0';
	assert_ok(vzr_settings_set(w->settings, "VE_PRIVATE", path, &err), &err);
	memcpy(path, "/101/xx", 7);
	job.private_path = path;
	assert_error(openvz()->check(&job, &err), -VZR_E_CONFIG, &err, "longer than vzctl can use");
}

static void check_names(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	make_dirs(w, "etc/vz/conf");
	make_dirs(w, "etc/vz/names");
	/* A link to a container that is gone is as good as none. */
	assert_int_equal(symlinkat("/etc/vz/conf/205.conf", w->fd, "etc/vz/names/web1"), 0);
	free_id(w);
	put_text(w->fd, "etc/vz/conf/205.conf", "");
	assert_error(openvz()->check(&job, &err), -VZR_E_INPUT, &err,
		     "the name 'web1' is taken by container 205");
	assert_int_equal(unlinkat(w->fd, "etc/vz/names/web1", 0), 0);
	put_text(w->fd, "etc/vz/names/web1", "");
	assert_error(openvz()->check(&job, &err), -VZR_E_INPUT, &err, "something that is no link");
	/* Digits are an id for vzctl, and no name. */
	job.name = "101";
	assert_ok(openvz()->check(&job, &err), &err);
	job.name = "we,b";
	assert_error(openvz()->check(&job, &err), -VZR_E_INPUT, &err,
		     "cannot be the name of a container of OpenVZ");
}

/* In a mount namespace of its own. 0 if all is as it must be, 77 if it cannot be tried. */
static int in_namespace(struct world *w)
{
	struct vzr_handoff_job job = job_of(w);
	struct vzr_settings *settings;
	struct vzr_error err = VZR_ERROR_INIT;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    chdir(w->path) < 0 || mount("vzr-test", "vz/private/101", "tmpfs", 0, NULL) < 0)
		return CHECK_SKIP;
	/* Descriptors from before still show the other namespace. */
	if (vzr_settings_new(w->path, &settings, &err) < 0)
		return 1;
	job.settings = settings;
	if (openvz()->check(&job, &err) != -VZR_E_EXISTS || !strstr(err.msg, "a mount point"))
		return 2;
	/* A bind mount, as simfs is one: the same device. */
	if (umount("vz/private/101") < 0 || openvz()->running(&job, &err) != 0 ||
	    mount("vz/private/101", "vz/root/101", NULL, MS_BIND, NULL) < 0)
		return 3;
	if (openvz()->running(&job, &err) != 1)
		return 4;
	if (umount("vz/root/101") < 0 || openvz()->running(&job, &err) != 0)
		return 5;
	/* Inside the private area, under a name that the kernel escapes. */
	if (mkdir("vz/private/101/a b", 0755) < 0 ||
	    mount("vzr-test", "vz/private/101/a b", "tmpfs", 0, NULL) < 0)
		return 6;
	if (openvz()->running(&job, &err) != -VZR_E_BUSY ||
	    !strstr(err.msg, "/vz/private/101/a b in the private area"))
		return 7;
	if (umount("vz/private/101/a b") < 0 || openvz()->running(&job, &err) != 0)
		return 8;
	vzr_settings_free(settings);
	return 0;
}

static void check_mount_point(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	make_dirs(w, "vz/private/101");
	make_dirs(w, "vz/root/101");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(in_namespace(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHECK_SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- publish ---- */

static int stage_tree(struct world *w)
{
	struct vzr_error err = VZR_ERROR_INIT;
	int staging, tree;

	make_dirs(w, "vz/.vzroot/tree/etc");
	assert_int_equal(fchmodat(w->fd, "vz/.vzroot/tree", 0700, 0), 0);
	staging = openat(w->fd, "vz/.vzroot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree = openat(staging, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree >= 0);
	assert_ok(vzr_journal_note_tree(w->undo, tree, &err), &err);
	close(tree);
	return staging;
}

static int publish_job(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		       struct vzr_undo *undo, struct vzr_error *err)
{
	int r = openvz()->intend(job, conf, undo, err);

	if (r == 0)
		r = openvz()->place(job, conf, undo, err);
	return r == 0 ? openvz()->announce(job, conf, undo, err) : r;
}

static void publish(struct world *w, struct vzr_handoff_job *job)
{
	VZR_AUTO_FREE char *commit = openvz()->commit_path(w->settings, job->ctid);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzr_journal_commit_path(w->undo, commit, &err), &err);
	assert_ok(openvz()->check(job, &err), &err);
	assert_ok(openvz()->prepare(job, &conf, &err), &err);
	assert_ok(publish_job(job, &conf, w->undo, &err), &err);
}

static void publish_whole(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	VZR_AUTO_CLOSE int staging = stage_tree(w);
	char link[64] = { 0 };
	struct stat st;

	job.staging_fd = staging;
	make_dirs(w, "etc/vz/conf");
	make_dirs(w, "vz/private/101");
	put_text(w->fd, "etc/vz/conf/101.conf.destroyed", "");
	put_text(w->fd, "etc/vz/conf/101.mount.destroyed", "");
	put_text(w->fd, "etc/vz/conf/102.conf.destroyed", "");
	put_text(w->fd, "etc/vz/conf/101.umount", "");
	publish(w, &job);
	assert_int_equal(fstatat(w->fd, "vz/private/101", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(exists(w->fd, "vz/private/101/etc"));
	assert_false(exists(w->fd, "vz/.vzroot/tree"));
	assert_int_equal(fstatat(w->fd, "vz/root/101", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(readlinkat(w->fd, "etc/vz/names/web1", link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "/etc/vz/conf/101.conf");
	assert_int_equal(fstatat(w->fd, "etc/vz/conf/101.conf", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_non_null(strstr(text_of(w, "etc/vz/conf/101.conf"), "\n#UUID: " UUID "\n"));
	assert_false(exists(w->fd, "etc/vz/conf/101.conf.destroyed"));
	assert_false(exists(w->fd, "etc/vz/conf/101.mount.destroyed"));
	assert_true(exists(w->fd, "etc/vz/conf/102.conf.destroyed"));
	assert_logged(w, "vzctl will run the script /etc/vz/conf/101.umount");
	/* Committed: nothing of it goes. */
	world_undo(w);
	assert_true(exists(w->fd, "vz/private/101/etc"));
	assert_true(exists(w->fd, "etc/vz/names/web1"));
}

static void publish_taken_back(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	VZR_AUTO_CLOSE int staging = stage_tree(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	/* Somebody else makes the configuration between the check and the publishing. */
	job.staging_fd = staging;
	make_dirs(w, "etc/vz/conf");
	assert_ok(openvz()->prepare(&job, &conf, &err), &err);
	assert_ok(vzr_journal_commit_path(w->undo, "/etc/vz/conf/101.conf", &err), &err);
	put_text(w->fd, "etc/vz/conf/101.conf", "ONBOOT=\"no\"\n");
	assert_error(publish_job(&job, &conf, w->undo, &err), -VZR_E_EXISTS, &err,
		     "has got a container 101 in the meantime");
	vzr_journal_abort(w->undo, &w->ctx);
	world_undo(w);
	assert_false(exists(w->fd, "vz/private"));
	assert_false(exists(w->fd, "vz/root"));
	assert_false(exists(w->fd, "etc/vz/names"));
	assert_string_equal(text_of(w, "etc/vz/conf/101.conf"), "ONBOOT=\"no\"\n");
}

static void publish_replaces_nothing(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	VZR_AUTO_CLOSE int staging = stage_tree(w);
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	job.staging_fd = staging;
	assert_ok(openvz()->prepare(&job, &conf, &err), &err);
	make_dirs(w, "vz/private/101/precious");
	assert_error(publish_job(&job, &conf, w->undo, &err), -VZR_E_EXISTS, &err,
		     "/vz/private/101 is there already");
	world_undo(w);
	assert_true(exists(w->fd, "vz/private/101/precious"));
	assert_false(exists(w->fd, "etc/vz/conf/101.conf"));
}

static void publish_stale_name(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	VZR_AUTO_CLOSE int staging = stage_tree(w);
	char link[64] = { 0 };

	job.staging_fd = staging;
	make_dirs(w, "etc/vz/names");
	assert_int_equal(symlinkat("/etc/vz/conf/205.conf", w->fd, "etc/vz/names/web1"), 0);
	publish(w, &job);
	assert_true(readlinkat(w->fd, "etc/vz/names/web1", link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "/etc/vz/conf/101.conf");
}

/* ---- unpublish ---- */

static void unpublish_twice(void **state)
{
	struct world *w = *state;
	struct vzr_handoff_job job = job_of(w);
	VZR_AUTO_CLOSE int staging = stage_tree(w);
	struct vzr_error err = VZR_ERROR_INIT;

	job.staging_fd = staging;
	publish(w, &job);
	put_text(w->fd, "etc/vz/conf/101.mount", "");
	assert_int_equal(symlinkat("/etc/vz/conf/102.conf", w->fd, "etc/vz/names/other"), 0);
	assert_int_equal(symlinkat("/etc/vz/conf/1010.conf", w->fd, "etc/vz/names/more"), 0);
	job.domain = NULL;
	for (int i = 0; i < 2; i++) {
		assert_ok(openvz()->unpublish(&job, w->undo, &err), &err);
		assert_false(exists(w->fd, "etc/vz/conf/101.conf"));
		assert_false(exists(w->fd, "etc/vz/names/web1"));
		assert_true(exists(w->fd, "etc/vz/names/other"));
		assert_true(exists(w->fd, "etc/vz/names/more"));
		assert_false(exists(w->fd, "vz/private/101"));
		assert_false(exists(w->fd, "vz/root/101"));
		assert_true(exists(w->fd, "vz/.vzroot/tree/etc"));
		assert_true(exists(w->fd, "etc/vz/conf/101.mount.destroyed"));
	}
}

/* ---- probe and table ---- */

static void probe(void **state)
{
	struct world *w = *state;
	char reason[VZR_HANDOFF_REASON];

	assert_int_equal(openvz()->probe(w->settings, reason), 0);
	assert_string_equal(reason, "there is no /etc/vz/conf, there is no /usr/sbin/vzctl");
	make_dirs(w, "etc/vz/conf");
	make_dirs(w, "usr/sbin");
	put_text(w->fd, "usr/sbin/vzctl", "");
	assert_int_equal(openvz()->probe(w->settings, reason), 1);
	assert_string_equal(reason, "/etc/vz/conf is there, /usr/sbin/vzctl is there");
}

static void paths(void **state)
{
	struct world *w = *state;
	VZR_AUTO_FREE char *one = openvz()->private_path(w->settings, 101);
	VZR_AUTO_FREE char *none = openvz()->private_path(w->settings, 0);
	VZR_AUTO_FREE char *commit = openvz()->commit_path(w->settings, 101);

	assert_string_equal(one, "/vz/private/101");
	assert_string_equal(none, "/vz/private/$VEID");
	assert_string_equal(commit, "/etc/vz/conf/101.conf");
}

static void table(void **state)
{
	(void)state;
	assert_non_null(vzr_handoff_get(0));
	assert_null(vzr_handoff_get(1000));
	assert_null(vzr_handoff_find("nowhere"));
	for (size_t i = 0; vzr_handoff_get(i); i++) {
		const struct vzr_handoff_ops *ops = vzr_handoff_get(i);

		assert_ptr_equal(vzr_handoff_find(ops->name), ops);
		assert_true(ops->summary && ops->probe && ops->private_path && ops->exists &&
			    ops->check && ops->lock && ops->unlock && ops->prepare &&
			    ops->intend && ops->place && ops->announce && ops->commit_path &&
			    ops->running && ops->unpublish);
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(check_empty),
		IN_WORLD(check_tells_the_rest),
		IN_WORLD(check_ids),
		IN_WORLD(check_conf),
		IN_WORLD(check_private_area),
		IN_WORLD(check_parent_mode),
		IN_WORLD(check_paths),
		IN_WORLD(check_names),
		IN_WORLD(publish_whole),
		IN_WORLD(publish_taken_back),
		IN_WORLD(publish_replaces_nothing),
		IN_WORLD(publish_stale_name),
		IN_WORLD(unpublish_twice),
		IN_WORLD(probe),
		IN_WORLD(paths),
		cmocka_unit_test(table),
		IN_WORLD(check_mount_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
