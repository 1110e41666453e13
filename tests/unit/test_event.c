/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: what arrives at the sink, and the cancel flag. */
#include "engine/base/event.h"

#include "tests/unit/check.h"

struct seen {
	struct vzr_event events[8];
	char text[1100];
	unsigned int count;
};

static void sink(void *data, const struct vzr_event *event)
{
	struct seen *seen = data;

	assert_true(seen->count < 8);
	seen->events[seen->count++] = *event;
	if (event->type == VZR_EVENT_LOG)
		snprintf(seen->text, sizeof(seen->text), "%s", event->u.log.text);
}

static void test_kinds(void **state)
{
	struct seen seen = { 0 };
	struct vzr_context ctx = { .fn = sink, .data = &seen };
	uint64_t begun;

	(void)state;
	vzr_warn(&ctx, "member '%s'", "a\nb");
	assert_int_equal(seen.events[0].type, VZR_EVENT_LOG);
	assert_int_equal(seen.events[0].u.log.level, VZR_LEVEL_WARNING);
	assert_string_equal(seen.text, "member 'a\\x0ab'");
	begun = vzr_stage_begin(&ctx, "fetch");
	usleep(1000);
	vzr_progress(&ctx, "fetch", 10, 20);
	assert_int_equal(vzr_stage_end(&ctx, "fetch", begun, -EIO), -EIO);
	assert_int_equal(seen.events[1].type, VZR_EVENT_STAGE_BEGIN);
	assert_string_equal(seen.events[1].u.stage.name, "fetch");
	assert_int_equal(seen.events[2].type, VZR_EVENT_PROGRESS);
	assert_int_equal(seen.events[2].u.progress.done_bytes, 10);
	assert_int_equal(seen.events[2].u.progress.total_bytes, 20);
	assert_int_equal(seen.events[3].type, VZR_EVENT_STAGE_END);
	assert_int_equal(seen.events[3].u.stage.code, -EIO);
	assert_true(seen.events[3].u.stage.elapsed_us >= 1000);
	vzr_choice(&ctx, "area", "stream", "nothing is cached");
	assert_int_equal(seen.events[4].type, VZR_EVENT_CHOICE);
	assert_string_equal(seen.events[4].u.choice.chosen, "stream");
	assert_int_equal(seen.count, 5);
}

static void test_no_sink(void **state)
{
	struct vzr_context ctx = { 0 };

	(void)state;
	vzr_info(&ctx, "nobody %s", "listens");
	vzr_info(NULL, "no context");
	vzr_progress(NULL, "x", 1, 2);
	assert_int_equal(vzr_stage_end(NULL, "x", vzr_stage_begin(NULL, "x"), 0), 0);
}

static void test_long_text(void **state)
{
	struct seen seen = { 0 };
	struct vzr_context ctx = { .fn = sink, .data = &seen };
	char text[5000];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	vzr_debug(&ctx, "%s", text);
	assert_int_equal(seen.count, 1);
	assert_true(strlen(seen.text) < 1024);
	assert_null(strchr(seen.text, '\n'));
}

static void test_cancel(void **state)
{
	struct vzr_context ctx = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	assert_int_equal(vzr_cancelled(NULL, &err), 0);
	assert_int_equal(vzr_cancelled(&ctx, &err), 0);
	atomic_store(&ctx.cancelled, 1);
	assert_error(vzr_cancelled(&ctx, &err), -VZR_E_CANCELLED, &err, "cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_sink),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
