/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of containers: what is written is read back, damage is told, lists are in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/fd.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
	char root[64];
	struct vzr_settings *settings;
	struct vzr_engine *engine;
	struct vzr_undo *undo;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->root, "/tmp/vzroot-container.XXXXXX");
	assert_non_null(mkdtemp(w->root));
	assert_int_equal(vzr_settings_new(w->root, &w->settings, NULL), 0);
	assert_int_equal(vzr_engine_new(w->settings, NULL, NULL, &w->engine, NULL), 0);
	assert_int_equal(vzr_journal_begin(w->settings, "test", true, &w->undo, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	vzr_journal_leave(w->undo);
	vzr_engine_free(w->engine);
	vzr_settings_free(w->settings);
	assert_int_equal(vzr_rm_tree(AT_FDCWD, w->root, NULL), 0);
	free(w);
	return 0;
}

static char name_text[] = "web \"1\" \xc3\xa9", private_text[] = "/vz/private/7",
	    openvz[] = "openvz",
	    bob[] = "bob";

static struct vzr_container sample(uint32_t ctid)
{
	return (struct vzr_container){
		.ctid = ctid,
		.name = name_text,
		.private_path = private_text,
		.handoff = openvz,
		.vm = { 100, 200, VZR_NO_LIMIT, VZR_NO_LIMIT, 0 },
		.created = 1234567890,
	};
}

static void put(struct world *w, uint32_t ctid)
{
	struct vzr_container c = sample(ctid);

	assert_int_equal(vzr_record_put(w->settings, &c, true, w->undo, NULL), 0);
}

static void test_round_trip(void **state)
{
	struct world *w = *state;
	struct vzr_owner_limits user = { .name = bob, .id = 1000, .limits = VZR_LIMITS_NONE };
	struct vzr_container c = sample(101), *read = NULL;

	user.limits.block_hard_kib = 50;
	c.users = &user;
	c.n_users = 1;
	assert_int_equal(vzr_record_put(w->settings, &c, false, w->undo, NULL), 0);
	assert_true(vzr_record_exists(w->settings, 101));
	assert_int_equal(vzr_record_get(w->settings, 101, &read, NULL), 0);
	assert_string_equal(read->name, c.name);
	assert_null(read->uuid);
	assert_int_equal(read->vm.block_soft_kib, 100);
	assert_int_equal(read->vm.block_hard_kib, 200);
	assert_true(read->vm.inode_hard == VZR_NO_LIMIT);
	assert_int_equal(read->vm.grace_s, 0);
	assert_int_equal(read->n_users, 1);
	assert_string_equal(read->users[0].name, "bob");
	assert_int_equal(read->users[0].id, 1000);
	assert_int_equal(read->users[0].limits.block_hard_kib, 50);
	assert_int_equal(read->created, 1234567890);
	vzr_container_free(read);
}

static void test_second_record_is_refused(void **state)
{
	struct world *w = *state;
	struct vzr_container c = sample(101);
	struct vzr_error err = VZR_ERROR_INIT;

	put(w, 101);
	assert_int_equal(vzr_record_put(w->settings, &c, true, w->undo, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "101.json"));
}

static void test_list_is_sorted_by_number(void **state)
{
	struct world *w = *state;
	struct vzr_container **list = NULL;
	size_t count = 0;

	put(w, 1000);
	put(w, 999);
	put(w, 101);
	assert_int_equal(vzr_container_list(w->engine, &list, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(list[0]->ctid, 101);
	assert_int_equal(list[1]->ctid, 999);
	assert_int_equal(list[2]->ctid, 1000);
	vzr_container_list_free(list, count);
	assert_int_equal(vzr_record_remove(w->settings, 999, NULL), 0);
	assert_int_equal(vzr_record_remove(w->settings, 999, NULL), 0);
	assert_int_equal(vzr_container_list(w->engine, &list, &count, NULL), 0);
	assert_int_equal(count, 2);
	vzr_container_list_free(list, count);
}

static void test_empty_list(void **state)
{
	struct world *w = *state;
	struct vzr_container **list = NULL, *one = NULL;
	struct vzr_error err = VZR_ERROR_INIT;
	size_t count = 9;

	assert_int_equal(vzr_container_list(w->engine, &list, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(vzr_container_load(w->engine, 5, &one, &err), -VZR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no container 5"));
}

static void write_record(struct world *w, const char *text)
{
	char path[128];
	int fd;

	put(w, 101);
	snprintf(path, sizeof(path), "%s/var/lib/vzroot/containers/101.json", w->root);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_damage_is_told(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"ctid\": 101}", "{\"ctid\": 102, \"handoff\": \"x\"}",
		"{\"ctid\": 101, \"ctid\": 101}",
		"{\"ctid\": \"101\", \"handoff\": \"openvz\", \"private\": \"/x\"}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct vzr_container *c = NULL;

		write_record(w, texts[i]);
		assert_int_equal(vzr_record_get(w->settings, 101, &c, &err), -VZR_E_CONFIG);
		assert_non_null(strstr(err.msg, "101.json is damaged"));
		assert_int_equal(vzr_record_remove(w->settings, 101, NULL), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),	   TEST(test_second_record_is_refused),
		TEST(test_list_is_sorted_by_number), TEST(test_empty_list),
		TEST(test_damage_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
