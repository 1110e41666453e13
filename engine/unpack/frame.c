/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: a header, then plain values or text. Both ends are the same program. */
#include "engine/unpack/frame.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <string.h>

enum frame_type { FRAME_LOG = 1, FRAME_PROGRESS, FRAME_RESULT, FRAME_ERROR };

struct header {
	uint32_t type;
	uint32_t len;
};

struct log_frame {
	uint32_t level;
	char text[1024];
};

struct progress_frame {
	uint64_t done;
	uint64_t total;
};

union payload {
	struct log_frame log;
	struct progress_frame progress;
	struct vzr_unpack_result result;
	struct vzr_error error;
};

static int send_frame(int fd, enum frame_type type, const void *data, size_t len)
{
	struct {
		struct header header;
		union payload payload;
	} frame = {.header = {.type = type, .len = (uint32_t)len}};

	memcpy(&frame.payload, data, len);
	return vzr_write_all(fd, &frame, sizeof(frame.header) + len);
}

void vzr_frame_event(void *data, const struct vzr_event *event)
{
	int fd = *(const int *)data;

	/* A parent that is gone is noticed at the end; until then there is nobody to tell. */
	if (event->type == VZR_EVENT_LOG) {
		struct log_frame log = {.level = event->u.log.level};
		size_t len = strlen(event->u.log.text);

		if (len >= sizeof(log.text))
			len = sizeof(log.text) - 1;
		memcpy(log.text, event->u.log.text, len);
		(void)!send_frame(fd, FRAME_LOG, &log, offsetof(struct log_frame, text) + len + 1);
	} else if (event->type == VZR_EVENT_PROGRESS) {
		struct progress_frame progress = {event->u.progress.done_bytes,
						  event->u.progress.total_bytes};

		(void)!send_frame(fd, FRAME_PROGRESS, &progress, sizeof(progress));
	}
}

int vzr_frame_end(int fd, int code, const struct vzr_unpack_result *result,
		  const struct vzr_error *err)
{
	struct vzr_error error = *err;

	if (code == 0)
		return send_frame(fd, FRAME_RESULT, result, sizeof(*result));
	error.code = code;
	return send_frame(fd, FRAME_ERROR, &error, sizeof(error));
}

static void handle_log(struct vzr_frame_reader *reader, struct log_frame *log)
{
	log->text[sizeof(log->text) - 1] = '\0';
	vzr_log(reader->ctx,
		log->level > VZR_LEVEL_WARNING ? VZR_LEVEL_WARNING : (enum vzr_level)log->level,
		"%s", log->text);
}

static void handle_error(struct vzr_frame_reader *reader, struct vzr_error *error)
{
	error->msg[sizeof(error->msg) - 1] = '\0';
	/* Errors of this stage are about no document, and never positive. */
	reader->code = error->code < 0 && error->code > -65536 ? error->code : -VZR_E_FAILED;
	vzr_fail(&reader->error, reader->code, "%s", error->msg);
	reader->ended = true;
}

static bool handle(struct vzr_frame_reader *reader, const struct header *header,
		   const unsigned char *data)
{
	union payload payload = {0};

	memcpy(&payload, data, header->len);
	if (header->type == FRAME_LOG && header->len > offsetof(struct log_frame, text)) {
		handle_log(reader, &payload.log);
	} else if (header->type == FRAME_PROGRESS && header->len == sizeof(payload.progress)) {
		vzr_progress(reader->ctx, "unpack", payload.progress.done, payload.progress.total);
	} else if (header->type == FRAME_RESULT && header->len == sizeof(payload.result)) {
		reader->result = payload.result;
		reader->result.compression[sizeof(reader->result.compression) - 1] = '\0';
		reader->ended = true;
	} else if (header->type == FRAME_ERROR && header->len == sizeof(payload.error)) {
		handle_error(reader, &payload.error);
	} else {
		return false;
	}
	return true;
}

int vzr_frame_read(struct vzr_frame_reader *reader, int fd, struct vzr_error *err)
{
	size_t pos = 0;
	ssize_t n = read(fd, reader->data + reader->len, sizeof(reader->data) - reader->len);

	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0)
		return vzr_fail_errno(err, "cannot read from the unpacking process");
	if (n == 0)
		return 0;
	reader->len += (size_t)n;
	while (reader->len - pos >= sizeof(struct header)) {
		struct header header;

		memcpy(&header, reader->data + pos, sizeof(header));
		if (header.len > sizeof(union payload) || reader->ended)
			return vzr_fail(err, -VZR_E_FAILED,
					"the unpacking process sent something that it never would");
		if (reader->len - pos < sizeof(header) + header.len)
			break;
		if (!handle(reader, &header, reader->data + pos + sizeof(header)))
			return vzr_fail(err, -VZR_E_FAILED,
					"the unpacking process sent something that it never would");
		pos += sizeof(header) + header.len;
	}
	memmove(reader->data, reader->data + pos, reader->len - pos);
	reader->len -= pos;
	return 1;
}
