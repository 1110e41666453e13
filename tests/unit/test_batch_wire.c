/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages between the processes of a batch: whole, in order, and never beyond their packet. */
#include "engine/batch.h"
#include "tests/unit/check.h"

#include <sys/socket.h>

struct pair {
	int fds[2];
};

static int open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->fds), 0);
	*state = p;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	close(p->fds[0]);
	if (p->fds[1] >= 0)
		close(p->fds[1]);
	free(p);
	return 0;
}

static void events_cross(void **state)
{
	static const struct vzr_event events[] = {
		{ .type = VZR_EVENT_LOG, .u.log = { VZR_LEVEL_WARNING, "one \xc3\xa4" } },
		{ .type = VZR_EVENT_STAGE_BEGIN, .u.stage = { .name = "area" } },
		{ .type = VZR_EVENT_STAGE_END, .u.stage = { "area", -VZR_E_DIGEST, 77 } },
		{ .type = VZR_EVENT_PROGRESS, .u.progress = { "unpack", 1ull << 40, 1ull << 41 } },
		{ .type = VZR_EVENT_CHOICE, .u.choice = { "area", "copy", "why" } },
	};
	const struct pair *p = *state;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct vzr_batch_message m = { .kind = VZR_MESSAGE_EVENT, .job = 7 };

		vzr_batch_put_event(&m, &events[i]);
		assert_int_equal(vzr_batch_send(p->fds[0], &m), 0);
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const struct vzr_event *sent = &events[i];
		struct vzr_batch_message m;
		struct vzr_event got;

		assert_int_equal(vzr_batch_receive(p->fds[1], 0, &m), 1);
		assert_int_equal(m.job, 7);
		assert_true(m.time_us > 0);
		vzr_batch_get_event(&m, &got);
		assert_int_equal(got.type, sent->type);
		if (got.type == VZR_EVENT_LOG) {
			assert_string_equal(got.u.log.text, sent->u.log.text);
			assert_int_equal(got.u.log.level, VZR_LEVEL_WARNING);
		} else if (got.type == VZR_EVENT_PROGRESS) {
			assert_true(got.u.progress.done_bytes == 1ull << 40);
			assert_true(got.u.progress.total_bytes == 1ull << 41);
		} else if (got.type == VZR_EVENT_CHOICE) {
			assert_string_equal(got.u.choice.chosen, "copy");
			assert_string_equal(got.u.choice.reason, "why");
		} else {
			assert_string_equal(got.u.stage.name, "area");
			assert_int_equal(got.u.stage.code, sent->u.stage.code);
		}
	}
	assert_int_equal(vzr_batch_receive(p->fds[1], MSG_DONTWAIT,
					   &(struct vzr_batch_message){ 0 }),
			 -EAGAIN);
}

static void long_texts_are_cut(void **state)
{
	const struct pair *p = *state;
	struct vzr_batch_message m = { .kind = VZR_MESSAGE_FAILED };
	char text[3 * VZR_MESSAGE_TEXT];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned int i = 0; i < 3; i++)
		vzr_batch_put_text(&m, i, text);
	assert_int_equal(vzr_batch_send(p->fds[0], &m), 0);
	assert_int_equal(vzr_batch_receive(p->fds[1], 0, &m), 1);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(strlen(vzr_batch_get_text(&m, i)), VZR_MESSAGE_TEXT - 1);
}

static void what_is_not_whole(void **state)
{
	const struct pair *p = *state;
	struct vzr_batch_message m = { .kind = VZR_MESSAGE_FAILED }, got;
	size_t head = offsetof(struct vzr_batch_message, text);

	assert_int_equal(send(p->fds[0], &m, head - 1, 0), (ssize_t)head - 1);
	assert_int_equal(vzr_batch_receive(p->fds[1], 0, &got), -EBADMSG);
	m.lengths[0] = 10; /* more than there is */
	assert_int_equal(send(p->fds[0], &m, head + 4, 0), (ssize_t)head + 4);
	assert_int_equal(vzr_batch_receive(p->fds[1], 0, &got), -EBADMSG);
	memset(m.text, 'x', 10); /* not terminated */
	assert_int_equal(send(p->fds[0], &m, head + 10, 0), (ssize_t)head + 10);
	assert_int_equal(vzr_batch_receive(p->fds[1], 0, &got), -EBADMSG);
	m.lengths[0] = VZR_MESSAGE_TEXT + 1;
	assert_int_equal(send(p->fds[0], &m, sizeof(m), 0), (ssize_t)sizeof(m));
	assert_int_equal(vzr_batch_receive(p->fds[1], 0, &got), -EBADMSG);
}

static void the_other_end_is_gone(void **state)
{
	struct pair *p = *state;
	struct vzr_batch_message m = { .kind = VZR_MESSAGE_SYNC };

	close(p->fds[1]);
	p->fds[1] = -1;
	assert_int_equal(vzr_batch_receive(p->fds[0], 0, &m), 0);
	assert_int_equal(vzr_batch_send(p->fds[0], &m), -EPIPE);
}

int main(void)
{
#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		WITH_PAIR(events_cross),
		WITH_PAIR(long_texts_are_cut),
		WITH_PAIR(what_is_not_whole),
		WITH_PAIR(the_other_end_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
