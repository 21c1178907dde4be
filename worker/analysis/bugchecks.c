/*
 * worker/analysis/bugchecks.c -- the table of stop codes.
 *
 * Where a parameter holds the code of an exception, or leads to its record, that counts; the
 * column `status` is for codes that say by themselves what happened: a wild access, a damaged
 * heap, a stack used up.
 * Source: bugcodes.h and the "Bug Check Code Reference" of the Windows debugger.
 */
#include "bugchecks.h"

#define SMALL_DUMP UINT32_C(0x10000000) // set in the code by who writes a small dump

#define VIOLATION UINT32_C(0xC0000005)
#define HEAP      UINT32_C(0xC0000374)
#define EXHAUSTED UINT32_C(0xC00000FD)
#define FAST_FAIL UINT32_C(0xC0000409)
#define PAGE_IN   UINT32_C(0xC0000006)
#define VERIFIER  UINT32_C(0xC0000421)

#define P(role, words)                                                                         \
    {                                                                                          \
        FB_PARAMETER_##role, (words)                                                           \
    }
#define NONE                                                                                   \
    {                                                                                          \
        FB_PARAMETER_OTHER, NULL                                                               \
    }
#define ROW(code, name, nature, status, ...)                                                   \
    {                                                                                          \
        code, name, FB_BUGCHECK_##nature, status, { __VA_ARGS__ }                              \
    }
#define TOUCHED P(ADDRESS, "address that was touched")
#define IRQL    P(OTHER, "IRQL")
#define HOW     P(ACCESS, "access: bit 0 write, bit 3 execution")
#define AT      P(IP, "instruction that touched it")
#define STATUS  P(STATUS, "code of the exception")
#define WHERE   P(IP, "instruction that raised it")
#define KIND    P(OTHER, "kind of damage")

/* By rising code: found by bisection. */
// clang-format off
static const struct fb_bugcheck_row rows[] = {
    ROW(0x01,  "APC_INDEX_MISMATCH",                      BUG, 0, P(IP, "system call"), P(OTHER, "APC index of the thread"), P(OTHER, "APC state of the thread"), P(OTHER, "kind of call")),
    ROW(0x0A,  "IRQL_NOT_LESS_OR_EQUAL",                  BUG, VIOLATION, TOUCHED, IRQL, HOW, AT),
    ROW(0x12,  "TRAP_CAUSE_UNKNOWN",                      BUG, 0, P(OTHER, "kind of interrupt"), NONE, NONE, NONE),
    ROW(0x18,  "REFERENCE_BY_POINTER",                    BUG, 0, P(OTHER, "type of the object"), P(OTHER, "object"), NONE, NONE),
    ROW(0x19,  "BAD_POOL_HEADER",                         BUG, HEAP, KIND, P(OTHER, "pool entry"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x1A,  "MEMORY_MANAGEMENT",                       BUG, 0, P(OTHER, "sub-type"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x1E,  "KMODE_EXCEPTION_NOT_HANDLED",             BUG, 0, STATUS, WHERE, P(DETAIL_0, "parameter 0 of the exception"), P(DETAIL_1, "parameter 1 of the exception")),
    ROW(0x20,  "KERNEL_APC_PENDING_DURING_EXIT",          BUG, 0, P(OTHER, "APC"), P(OTHER, "APC disable count"), P(OTHER, "IRQL"), NONE),
    ROW(0x24,  "NTFS_FILE_SYSTEM",                        BUG, 0, P(OTHER, "source file and line"), P(RECORD, "exception record"), P(CONTEXT, "context record"), P(OTHER, "detail")),
    ROW(0x2B,  "PANIC_STACK_SWITCH",                      BUG, EXHAUSTED, P(TRAP_FRAME, "trap frame"), NONE, NONE, NONE),
    ROW(0x34,  "CACHE_MANAGER",                           BUG, 0, P(OTHER, "source file and line"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x35,  "NO_MORE_IRP_STACK_LOCATIONS",             BUG, 0, P(OTHER, "IRP"), NONE, NONE, NONE),
    ROW(0x3B,  "SYSTEM_SERVICE_EXCEPTION",                BUG, 0, STATUS, WHERE, P(CONTEXT, "context record"), NONE),
    ROW(0x3D,  "INTERRUPT_EXCEPTION_NOT_HANDLED",         BUG, 0, P(RECORD, "exception record"), P(CONTEXT, "context record"), NONE, NONE),
    ROW(0x44,  "MULTIPLE_IRP_COMPLETE_REQUESTS",          BUG, 0, P(OTHER, "IRP"), NONE, NONE, NONE),
    ROW(0x4A,  "IRQL_GT_ZERO_AT_SYSTEM_SERVICE",          BUG, 0, P(IP, "system call"), IRQL, NONE, NONE),
    ROW(0x4E,  "PFN_LIST_CORRUPT",                        BUG, 0, P(OTHER, "sub-type"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x50,  "PAGE_FAULT_IN_NONPAGED_AREA",             BUG, VIOLATION, TOUCHED, P(PAGE_FAULT, "access"), AT, P(OTHER, "kind of page fault")),
    ROW(0x51,  "REGISTRY_ERROR",                          BUG, 0, P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "hive"), P(OTHER, "detail")),
    ROW(0x74,  "BAD_SYSTEM_CONFIG_INFO",                  BUG, 0, P(OTHER, "sub-type"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "status")),
    ROW(0x76,  "PROCESS_HAS_LOCKED_PAGES",                BUG, 0, P(OTHER, "kind"), P(OTHER, "process"), P(OTHER, "locked pages"), P(OTHER, "detail")),
    ROW(0x77,  "KERNEL_STACK_INPAGE_ERROR",               HARDWARE, 0, P(OTHER, "status"), P(OTHER, "I/O status"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x7A,  "KERNEL_DATA_INPAGE_ERROR",                HARDWARE, PAGE_IN, P(OTHER, "kind of lock"), P(OTHER, "status"), P(OTHER, "detail"), P(ADDRESS, "address that could not be read in")),
    ROW(0x7B,  "INACCESSIBLE_BOOT_DEVICE",                BUG, 0, P(OTHER, "device object or name"), P(OTHER, "status"), NONE, NONE),
    ROW(0x7E,  "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",     BUG, 0, STATUS, WHERE, P(RECORD, "exception record"), P(CONTEXT, "context record")),
    ROW(0x7F,  "UNEXPECTED_KERNEL_MODE_TRAP",             BUG, 0, P(TRAP, "number of the trap"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x8E,  "KERNEL_MODE_EXCEPTION_NOT_HANDLED",       BUG, 0, STATUS, WHERE, P(TRAP_FRAME, "trap frame"), NONE),
    ROW(0x9C,  "MACHINE_CHECK_EXCEPTION",                 HARDWARE, 0, P(OTHER, "bank"), P(OTHER, "machine-check structure"), P(OTHER, "status, high half"), P(OTHER, "status, low half")),
    ROW(0x9F,  "DRIVER_POWER_STATE_FAILURE",              BUG, 0, P(OTHER, "kind"), P(OTHER, "device object"), P(OTHER, "detail"), P(OTHER, "IRP or detail")),
    ROW(0xA0,  "INTERNAL_POWER_ERROR",                    BUG, 0, P(OTHER, "kind"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xBE,  "ATTEMPTED_WRITE_TO_READONLY_MEMORY",      BUG, VIOLATION, P(ADDRESS, "address that was written to"), P(OTHER, "page table entry"), P(TRAP_FRAME, "trap frame"), NONE),
    ROW(0xC1,  "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", BUG, HEAP, P(OTHER, "block that was freed"), P(OTHER, "detail"), P(OTHER, "detail"), KIND),
    ROW(0xC2,  "BAD_POOL_CALLER",                         BUG, HEAP, P(OTHER, "kind of call"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "pool block")),
    ROW(0xC4,  "DRIVER_VERIFIER_DETECTED_VIOLATION",      BUG, VERIFIER, P(OTHER, "rule that was broken"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xC5,  "DRIVER_CORRUPTED_EXPOOL",                 BUG, HEAP, TOUCHED, IRQL, HOW, AT),
    ROW(0xC9,  "DRIVER_VERIFIER_IOMANAGER_VIOLATION",     BUG, VERIFIER, P(OTHER, "rule that was broken"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xCE,  "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS", BUG, VIOLATION, TOUCHED, HOW, AT, NONE),
    ROW(0xD1,  "DRIVER_IRQL_NOT_LESS_OR_EQUAL",           BUG, VIOLATION, TOUCHED, IRQL, HOW, AT),
    ROW(0xD5,  "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL", BUG, VIOLATION, TOUCHED, HOW, AT, NONE),
    ROW(0xD6,  "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION", BUG, VIOLATION, TOUCHED, HOW, AT, NONE),
    ROW(0xDA,  "SYSTEM_PTE_MISUSE",                       BUG, 0, P(OTHER, "kind"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xDE,  "POOL_CORRUPTION_IN_FILE_AREA",            BUG, HEAP, P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xE2,  "MANUALLY_INITIATED_CRASH",                MANUAL, 0, NONE, NONE, NONE, NONE),
    ROW(0xEA,  "THREAD_STUCK_IN_DEVICE_DRIVER",           BUG, 0, P(OTHER, "thread"), P(OTHER, "watchdog"), P(OTHER, "name of the driver"), P(OTHER, "detail")),
    ROW(0xEF,  "CRITICAL_PROCESS_DIED",                   BUG, 0, P(OTHER, "process or thread"), P(OTHER, "0 a process, 1 a thread"), NONE, NONE),
    ROW(0xF4,  "CRITICAL_OBJECT_TERMINATION",             BUG, 0, P(OTHER, "3 a process, 6 a thread"), P(OTHER, "object"), P(OTHER, "name of its image"), P(OTHER, "message")),
    ROW(0xF7,  "DRIVER_OVERRAN_STACK_BUFFER",             BUG, FAST_FAIL, P(OTHER, "cookie found"), P(OTHER, "cookie expected"), P(OTHER, "its complement"), NONE),
    ROW(0xFC,  "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY",   BUG, VIOLATION, P(ADDRESS, "address that was to be executed"), P(OTHER, "page table entry"), P(TRAP_FRAME, "trap frame"), NONE),
    ROW(0x101, "CLOCK_WATCHDOG_TIMEOUT",                  BUG, 0, P(OTHER, "ticks"), NONE, P(OTHER, "processor block"), P(OTHER, "processor")),
    ROW(0x109, "CRITICAL_STRUCTURE_CORRUPTION",           BUG, 0, P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "kind of structure")),
    ROW(0x10D, "WDF_VIOLATION",                           BUG, 0, P(OTHER, "kind"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x116, "VIDEO_TDR_FAILURE",                       BUG, 0, P(OTHER, "recovery context"), P(OTHER, "address in the driver"), P(OTHER, "status"), P(OTHER, "detail")),
    ROW(0x117, "VIDEO_TDR_TIMEOUT_DETECTED",              BUG, 0, P(OTHER, "recovery context"), P(OTHER, "address in the driver"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x119, "VIDEO_SCHEDULER_INTERNAL_ERROR",          BUG, 0, P(OTHER, "kind"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x124, "WHEA_UNCORRECTABLE_ERROR",                HARDWARE, 0, P(OTHER, "source of the error"), P(OTHER, "error record"), P(OTHER, "status, high half"), P(OTHER, "status, low half")),
    ROW(0x127, "PAGE_NOT_ZERO",                           BUG, 0, P(OTHER, "address"), P(OTHER, "page"), NONE, NONE),
    ROW(0x12B, "FAULTY_HARDWARE_CORRUPTED_PAGE",          HARDWARE, 0, P(OTHER, "address"), P(OTHER, "page"), P(OTHER, "detail"), NONE),
    ROW(0x133, "DPC_WATCHDOG_VIOLATION",                  BUG, 0, P(OTHER, "0 one DPC, 1 all of them"), P(OTHER, "ticks"), P(OTHER, "ticks allowed, or detail"), NONE),
    ROW(0x139, "KERNEL_SECURITY_CHECK_FAILURE",           BUG, FAST_FAIL, P(FAST_FAIL, "code of the fast fail"), P(TRAP_FRAME, "trap frame"), P(RECORD, "exception record"), NONE),
    ROW(0x13A, "KERNEL_MODE_HEAP_CORRUPTION",             BUG, HEAP, KIND, P(OTHER, "heap"), P(OTHER, "block"), NONE),
    ROW(0x154, "UNEXPECTED_STORE_EXCEPTION",              BUG, 0, P(OTHER, "store"), P(RECORD, "exception record"), NONE, NONE),
    ROW(0x15F, "CONNECTED_STANDBY_WATCHDOG_TIMEOUT_LIVEDUMP", BUG, 0, P(OTHER, "kind"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x161, "LIVE_SYSTEM_DUMP",                        MANUAL, 0, NONE, NONE, NONE, NONE),
    ROW(0x18B, "SECURE_KERNEL_ERROR",                     BUG, 0, P(OTHER, "code"), P(OTHER, "detail"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0x1CA, "SYNTHETIC_WATCHDOG_TIMEOUT",              BUG, 0, P(OTHER, "kind"), P(OTHER, "ticks"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xC000021A, "STATUS_SYSTEM_PROCESS_TERMINATED",   BUG, 0, P(OTHER, "text that names the process"), P(OTHER, "status"), P(OTHER, "detail"), P(OTHER, "detail")),
    ROW(0xDEADDEAD, "MANUALLY_INITIATED_CRASH1",          MANUAL, 0, P(OTHER, "as the caller pleased"), P(OTHER, "as the caller pleased"), P(OTHER, "as the caller pleased"), P(OTHER, "as the caller pleased")),
};
// clang-format on

static const struct fb_bugcheck_row *find(uint32_t code)
{
    size_t low = 0, high = sizeof rows / sizeof *rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof rows / sizeof *rows && rows[low].code == code ? &rows[low] : NULL;
}

/* Codes that are an NTSTATUS or a word (0xDEADDEAD) have that bit by nature, among others. */
uint32_t fb_bugcheck_code(const struct fb_bugcheck *bugcheck)
{
    bool marked = bugcheck->code >> 28 == SMALL_DUMP >> 28;
    return marked ? bugcheck->code & ~SMALL_DUMP : bugcheck->code;
}

const struct fb_bugcheck_row *fb_bugcheck_find(const struct fb_bugcheck *bugcheck)
{
    return bugcheck->present ? find(fb_bugcheck_code(bugcheck)) : NULL;
}

const struct fb_bugcheck_row *fb_bugcheck_rows(size_t *n)
{
    *n = sizeof rows / sizeof *rows;
    return rows;
}

int fb_bugcheck_parameter(const struct fb_bugcheck_row *row, enum fb_bugcheck_role role)
{
    for (int i = 0; row != NULL && i < FB_BUGCHECK_PARAMETERS; i++)
        if (row->parameters[i].role == role && row->parameters[i].words != NULL)
            return i;
    return -1;
}
