/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages between the processes of a batch: plain values, one packet each. */
#include "engine/batch.h"

#include "engine/base/time.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD offsetof(struct vzr_batch_message, text)

static size_t text_length(const struct vzr_batch_message *m)
{
	return (size_t)m->lengths[0] + m->lengths[1] + m->lengths[2];
}

int vzr_batch_send(int fd, struct vzr_batch_message *message)
{
	message->time_us = vzr_monotonic_us();
	for (;;) {
		ssize_t n = send(fd, message, HEAD + text_length(message), MSG_NOSIGNAL);

		if (n >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* The sender is this very program, but a killed one must not make us read beyond the packet. */
static bool is_whole(const struct vzr_batch_message *m, size_t size)
{
	size_t end = 0;

	if (size < HEAD)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (m->lengths[i] > VZR_MESSAGE_TEXT)
			return false;
		end += m->lengths[i];
		if (HEAD + end > size || (m->lengths[i] && m->text[end - 1] != '\0'))
			return false;
	}
	return HEAD + end == size;
}

int vzr_batch_receive(int fd, int flags, struct vzr_batch_message *ret_message)
{
	ssize_t n;

	do
		n = recv(fd, ret_message, sizeof(*ret_message), flags);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return -errno;
	return is_whole(ret_message, (size_t)n) ? 1 : -EBADMSG;
}

void vzr_batch_put_text(struct vzr_batch_message *message, unsigned int index, const char *text)
{
	size_t at = text_length(message), length;

	if (!text)
		return;
	length = strnlen(text, VZR_MESSAGE_TEXT - 1);
	memcpy(message->text + at, text, length);
	message->text[at + length] = '\0';
	message->lengths[index] = (uint32_t)length + 1;
}

const char *vzr_batch_get_text(const struct vzr_batch_message *message, unsigned int index)
{
	size_t at = 0;

	for (unsigned int i = 0; i < index; i++)
		at += message->lengths[i];
	return message->lengths[index] ? message->text + at : NULL;
}

void vzr_batch_put_event(struct vzr_batch_message *message, const struct vzr_event *event)
{
	message->type = event->type;
	switch (event->type) {
	case VZR_EVENT_LOG:
		message->numbers[0] = event->u.log.level;
		vzr_batch_put_text(message, 0, event->u.log.text);
		break;
	case VZR_EVENT_STAGE_BEGIN:
	case VZR_EVENT_STAGE_END:
		message->code = event->u.stage.code;
		message->numbers[0] = event->u.stage.elapsed_us;
		vzr_batch_put_text(message, 0, event->u.stage.name);
		break;
	case VZR_EVENT_PROGRESS:
		message->numbers[0] = event->u.progress.done_bytes;
		message->numbers[1] = event->u.progress.total_bytes;
		vzr_batch_put_text(message, 0, event->u.progress.stage);
		break;
	case VZR_EVENT_CHOICE:
		vzr_batch_put_text(message, 0, event->u.choice.what);
		vzr_batch_put_text(message, 1, event->u.choice.chosen);
		vzr_batch_put_text(message, 2, event->u.choice.reason);
		break;
	}
}

void vzr_batch_get_event(const struct vzr_batch_message *message, struct vzr_event *ret_event)
{
	const char *text = vzr_batch_get_text(message, 0);

	*ret_event = (struct vzr_event){ .type = message->type };
	text = text ? text : "";
	switch (message->type) {
	case VZR_EVENT_LOG:
		ret_event->u.log.level = (enum vzr_level)message->numbers[0];
		ret_event->u.log.text = text;
		break;
	case VZR_EVENT_STAGE_BEGIN:
	case VZR_EVENT_STAGE_END:
		ret_event->u.stage.name = text;
		ret_event->u.stage.code = message->code;
		ret_event->u.stage.elapsed_us = message->numbers[0];
		break;
	case VZR_EVENT_PROGRESS:
		ret_event->u.progress.stage = text;
		ret_event->u.progress.done_bytes = message->numbers[0];
		ret_event->u.progress.total_bytes = message->numbers[1];
		break;
	case VZR_EVENT_CHOICE:
		ret_event->u.choice.what = text;
		ret_event->u.choice.chosen = vzr_batch_get_text(message, 1);
		ret_event->u.choice.reason = vzr_batch_get_text(message, 2);
		break;
	}
}
