/*
 * ingest/upload_limits.h -- what one upload may cost, whatever it says about itself.
 *
 * What is too long is cut and marked, what is too many is dropped: a crash is lost for ever
 * when its upload is refused, and its annotations matter less than its dump.
 */
#pragma once

enum {
    FB_FIELDS_MAX = 512,
    FB_NAME_MAX = 256,              // bytes of a field's or file's name
    FB_VALUE_MAX = 64 * 1024,       // bytes of a field's value
    FB_FILES_MAX = 31,              // the dump and 30 attachments
    FB_PARTS_MAX = 1024,            // of a multipart body; beyond it is no report
    FB_PART_HEADER_MAX = 4 * 1024,  // bytes of one part's header
    FB_BOUNDARY_MAX = 70,           // RFC 2046, 5.1.1
    FB_HEADERS_MAX = 16 * 1024,     // bytes of a request's header block
    FB_UPLOAD_ROOM = 1024 * 1024,   // bytes of all names and values of one upload
    FB_DUMP_IN_MEMORY = 256 * 1024, // bytes of files held in memory; the rest goes to disk
    FB_INFLATE_RATIO_MAX = 200,     // decoded bytes per byte sent ...
    FB_INFLATE_FREE = 1024 * 1024,  // ... once there are more of them than this
    FB_MESSAGE_MAX = 32 * 1024 * 1024 - 4096, // a Kafka message, less its headers
    FB_MEANING_MAX = 256                      // bytes of product, version, platform, machine
};
