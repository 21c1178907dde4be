/*
 * worker/analysis/fast_fails.h -- the codes of __fastfail: number, what it says about memory,
 * and the name without "FAST_FAIL_", by rising number.
 *
 * Exploitable, or probably: found after memory was changed. Probably not: found before.
 * Unknown: says nothing about memory; 31 is telemetry and ends nothing, behind 71 the
 * sanitizer's report tells more. 54 is misspelt in the header that everybody compiles against;
 * tools search for it so.
 * @source  winnt.h, FAST_FAIL_*; the classes are ours
 */
#pragma once

// clang-format off
#define FB_FAST_FAILS(X) \
    X(0,  EXPLOITABLE,              LEGACY_GS_VIOLATION)                 \
    X(1,  EXPLOITABLE,              VTGUARD_CHECK_FAILURE)               \
    X(2,  EXPLOITABLE,              STACK_COOKIE_CHECK_FAILURE)          \
    X(3,  PROBABLY_EXPLOITABLE,     CORRUPT_LIST_ENTRY)                  \
    X(4,  EXPLOITABLE,              INCORRECT_STACK)                     \
    X(5,  PROBABLY_NOT_EXPLOITABLE, INVALID_ARG)                         \
    X(6,  UNKNOWN,                  GS_COOKIE_INIT)                      \
    X(7,  PROBABLY_NOT_EXPLOITABLE, FATAL_APP_EXIT)                      \
    X(8,  PROBABLY_NOT_EXPLOITABLE, RANGE_CHECK_FAILURE)                 \
    X(9,  PROBABLY_NOT_EXPLOITABLE, UNSAFE_REGISTRY_ACCESS)              \
    X(10, EXPLOITABLE,              GUARD_ICALL_CHECK_FAILURE)           \
    X(11, EXPLOITABLE,              GUARD_WRITE_CHECK_FAILURE)           \
    X(12, UNKNOWN,                  INVALID_FIBER_SWITCH)                \
    X(13, PROBABLY_EXPLOITABLE,     INVALID_SET_OF_CONTEXT)              \
    X(14, PROBABLY_EXPLOITABLE,     INVALID_REFERENCE_COUNT)             \
    X(18, EXPLOITABLE,              INVALID_JUMP_BUFFER)                 \
    X(19, EXPLOITABLE,              MRDATA_MODIFIED)                     \
    X(20, PROBABLY_NOT_EXPLOITABLE, CERTIFICATION_FAILURE)               \
    X(21, EXPLOITABLE,              INVALID_EXCEPTION_CHAIN)             \
    X(22, PROBABLY_NOT_EXPLOITABLE, CRYPTO_LIBRARY)                      \
    X(23, PROBABLY_NOT_EXPLOITABLE, INVALID_CALL_IN_DLL_CALLOUT)         \
    X(24, UNKNOWN,                  INVALID_IMAGE_BASE)                  \
    X(25, PROBABLY_EXPLOITABLE,     DLOAD_PROTECTION_FAILURE)            \
    X(26, PROBABLY_NOT_EXPLOITABLE, UNSAFE_EXTENSION_CALL)               \
    X(27, PROBABLY_NOT_EXPLOITABLE, DEPRECATED_SERVICE_INVOKED)          \
    X(28, PROBABLY_NOT_EXPLOITABLE, INVALID_BUFFER_ACCESS)               \
    X(29, PROBABLY_EXPLOITABLE,     INVALID_BALANCED_TREE)               \
    X(30, UNKNOWN,                  INVALID_NEXT_THREAD)                 \
    X(31, UNKNOWN,                  GUARD_ICALL_CHECK_SUPPRESSED)        \
    X(32, PROBABLY_NOT_EXPLOITABLE, APCS_DISABLED)                       \
    X(33, UNKNOWN,                  INVALID_IDLE_STATE)                  \
    X(34, PROBABLY_EXPLOITABLE,     MRDATA_PROTECTION_FAILURE)           \
    X(35, PROBABLY_EXPLOITABLE,     UNEXPECTED_HEAP_EXCEPTION)           \
    X(36, UNKNOWN,                  INVALID_LOCK_STATE)                  \
    X(37, EXPLOITABLE,              GUARD_JUMPTABLE)                     \
    X(38, EXPLOITABLE,              INVALID_LONGJUMP_TARGET)             \
    X(39, EXPLOITABLE,              INVALID_DISPATCH_CONTEXT)            \
    X(40, UNKNOWN,                  INVALID_THREAD)                      \
    X(41, UNKNOWN,                  INVALID_SYSCALL_NUMBER)              \
    X(42, PROBABLY_NOT_EXPLOITABLE, INVALID_FILE_OPERATION)              \
    X(43, PROBABLY_NOT_EXPLOITABLE, LPAC_ACCESS_DENIED)                  \
    X(44, EXPLOITABLE,              GUARD_SS_FAILURE)                    \
    X(45, PROBABLY_NOT_EXPLOITABLE, LOADER_CONTINUITY_FAILURE)           \
    X(46, PROBABLY_EXPLOITABLE,     GUARD_EXPORT_SUPPRESSION_FAILURE)    \
    X(47, EXPLOITABLE,              INVALID_CONTROL_STACK)               \
    X(48, PROBABLY_EXPLOITABLE,     SET_CONTEXT_DENIED)                  \
    X(49, PROBABLY_EXPLOITABLE,     INVALID_IAT)                         \
    X(50, EXPLOITABLE,              HEAP_METADATA_CORRUPTION)            \
    X(51, EXPLOITABLE,              PAYLOAD_RESTRICTION_VIOLATION)       \
    X(52, PROBABLY_NOT_EXPLOITABLE, LOW_LABEL_ACCESS_DENIED)             \
    X(53, UNKNOWN,                  ENCLAVE_CALL_FAILURE)                \
    X(54, UNKNOWN,                  UNHANDLED_LSS_EXCEPTON)              \
    X(55, PROBABLY_NOT_EXPLOITABLE, ADMINLESS_ACCESS_DENIED)             \
    X(56, UNKNOWN,                  UNEXPECTED_CALL)                     \
    X(57, EXPLOITABLE,              CONTROL_INVALID_RETURN_ADDRESS)      \
    X(58, UNKNOWN,                  UNEXPECTED_HOST_BEHAVIOR)            \
    X(59, PROBABLY_EXPLOITABLE,     FLAGS_CORRUPTION)                    \
    X(60, EXPLOITABLE,              VEH_CORRUPTION)                      \
    X(61, PROBABLY_EXPLOITABLE,     ETW_CORRUPTION)                      \
    X(62, UNKNOWN,                  RIO_ABORT)                           \
    X(63, UNKNOWN,                  INVALID_PFN)                         \
    X(64, EXPLOITABLE,              GUARD_ICALL_CHECK_FAILURE_XFG)       \
    X(65, PROBABLY_EXPLOITABLE,     CAST_GUARD)                          \
    X(66, UNKNOWN,                  HOST_VISIBILITY_CHANGE)              \
    X(67, UNKNOWN,                  KERNEL_CET_SHADOW_STACK_ASSIST)      \
    X(68, PROBABLY_NOT_EXPLOITABLE, PATCH_CALLBACK_FAILED)               \
    X(69, UNKNOWN,                  NTDLL_PATCH_FAILED)                  \
    X(70, PROBABLY_EXPLOITABLE,     INVALID_FLS_DATA)                    \
    X(71, UNKNOWN,                  ASAN_ERROR)                          \
    X(72, PROBABLY_NOT_EXPLOITABLE, CLR_EXCEPTION_AOT)                   \
    X(73, EXPLOITABLE,              POINTER_AUTH_INVALID_RETURN_ADDRESS) \
    X(74, UNKNOWN,                  INVALID_THREAD_STATE)                \
    X(75, UNKNOWN,                  CORRUPT_WOW64_STATE)                 \
    X(76, UNKNOWN,                  INVALID_EXTENDED_STATE)
// clang-format on
