/*
 * tests/unit/pdata_x64_functions.S -- every code of x64 unwind data and every kind of epilog,
 * for test_pdata_x64_code: compilers make only some of them.
 */
        .text
        .macro  FUNCTION name
        .globl  \name
        .p2align 4, 0xCC
\name:
        .seh_proc \name
        .endm

FUNCTION no_prolog
        .seh_endprologue
        call    callee
        ret
        .seh_endproc

FUNCTION push_all                       /* UWOP_PUSH_NONVOL, all eight */
        push    %rbx
        .seh_pushreg %rbx
        push    %rbp
        .seh_pushreg %rbp
        push    %rsi
        .seh_pushreg %rsi
        push    %rdi
        .seh_pushreg %rdi
        push    %r12
        .seh_pushreg %r12
        push    %r13
        .seh_pushreg %r13
        push    %r14
        .seh_pushreg %r14
        push    %r15
        .seh_pushreg %r15
        .seh_endprologue
        mov     $1, %ebx
        mov     $1, %r15d
        call    callee
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        ret
        .seh_endproc

FUNCTION alloc_small_most               /* UWOP_ALLOC_SMALL: 128 */
        sub     $128, %rsp
        .seh_stackalloc 128
        .seh_endprologue
        call    callee
        add     $128, %rsp
        ret
        .seh_endproc

FUNCTION alloc_small_least              /* 8, with lea to undo it */
        push    %rbx
        .seh_pushreg %rbx
        sub     $8, %rsp
        .seh_stackalloc 8
        .seh_endprologue
        mov     $2, %ebx
        call    callee
        add     $8, %rsp
        pop     %rbx
        ret
        .seh_endproc

FUNCTION alloc_large_scaled             /* UWOP_ALLOC_LARGE, 16 bits in units of 8 */
        sub     $136, %rsp
        .seh_stackalloc 136
        .seh_endprologue
        call    callee
        add     $136, %rsp
        ret
        .seh_endproc

FUNCTION alloc_large_plain              /* UWOP_ALLOC_LARGE, 32 bits */
        push    %rsi
        .seh_pushreg %rsi
        sub     $0x80000, %rsp
        .seh_stackalloc 0x80000
        .seh_endprologue
        mov     $3, %esi
        call    callee
        add     $0x80000, %rsp
        pop     %rsi
        ret
        .seh_endproc

FUNCTION frame_at_bottom                /* UWOP_SET_FPREG, offset 0 */
        push    %rbp
        .seh_pushreg %rbp
        sub     $48, %rsp
        .seh_stackalloc 48
        mov     %rsp, %rbp
        .seh_setframe %rbp, 0
        .seh_endprologue
        sub     $64, %rsp
        call    callee
        lea     48(%rbp), %rsp
        pop     %rbp
        ret
        .seh_endproc

FUNCTION frame_at_most                  /* offset 240, in another register, undone by 32 bits */
        push    %r13
        .seh_pushreg %r13
        sub     $0x200, %rsp
        .seh_stackalloc 0x200
        lea     240(%rsp), %r13
        .seh_setframe %r13, 240
        .seh_endprologue
        sub     $0x1000, %rsp
        call    callee
        lea     0x110(%r13), %rsp
        pop     %r13
        ret
        .seh_endproc

FUNCTION saves_by_mov                   /* UWOP_SAVE_NONVOL */
        sub     $56, %rsp
        .seh_stackalloc 56
        mov     %rdi, 40(%rsp)
        .seh_savereg %rdi, 40
        mov     %r14, 48(%rsp)
        .seh_savereg %r14, 48
        .seh_endprologue
        mov     $4, %edi
        mov     $4, %r14d
        call    callee
        mov     40(%rsp), %rdi
        mov     48(%rsp), %r14
        add     $56, %rsp
        ret
        .seh_endproc

FUNCTION saves_far                      /* UWOP_SAVE_NONVOL_FAR */
        sub     $0x90008, %rsp
        .seh_stackalloc 0x90008
        mov     %rbx, 0x88000(%rsp)
        .seh_savereg %rbx, 0x88000
        .seh_endprologue
        mov     $5, %ebx
        call    callee
        mov     0x88000(%rsp), %rbx
        add     $0x90008, %rsp
        ret
        .seh_endproc

FUNCTION saves_vectors                  /* UWOP_SAVE_XMM128, before and behind a pop */
        push    %r12
        .seh_pushreg %r12
        sub     $48, %rsp
        .seh_stackalloc 48
        movaps  %xmm6, (%rsp)
        .seh_savexmm %xmm6, 0
        movaps  %xmm15, 16(%rsp)
        .seh_savexmm %xmm15, 16
        .seh_endprologue
        mov     $6, %r12d
        call    callee
        movaps  (%rsp), %xmm6
        movaps  16(%rsp), %xmm15
        add     $48, %rsp
        pop     %r12
        ret
        .seh_endproc

FUNCTION saves_vectors_far              /* UWOP_SAVE_XMM128_FAR */
        sub     $0x110008, %rsp
        .seh_stackalloc 0x110008
        movups  %xmm7, 0x100000(%rsp)
        .seh_savexmm %xmm7, 0x100000
        .seh_endprologue
        call    callee
        movups  0x100000(%rsp), %xmm7
        add     $0x110008, %rsp
        ret
        .seh_endproc

FUNCTION several_epilogs
        push    %rdi
        .seh_pushreg %rdi
        push    %rbx
        .seh_pushreg %rbx
        sub     $40, %rsp
        .seh_stackalloc 40
        .seh_endprologue
        mov     $7, %ebx
        test    %ecx, %ecx
        je      1f
        call    callee
        add     $40, %rsp
        pop     %rbx
        pop     %rdi
        rep ret
1:      test    %edx, %edx
        je      2f
        call    callee
        add     $40, %rsp
        pop     %rbx
        pop     %rdi
        jmp     callee                  /* a tail call */
2:      test    %r8d, %r8d
        je      3f
        call    callee
        add     $40, %rsp
        pop     %rbx
        pop     %rdi
        jmp     *pointer(%rip)
3:      call    callee
        add     $40, %rsp
        pop     %rbx
        pop     %rdi
        .byte   0x48                    /* rex.W: the prefix marks it as leaving */
        jmp     *%rax
        .seh_endproc

FUNCTION looks_like_an_epilog           /* but moves rsp in its body, where nothing returns */
        push    %rsi
        .seh_pushreg %rsi
        sub     $32, %rsp
        .seh_stackalloc 32
        .seh_endprologue
        mov     $8, %esi
        jmp     1f                      /* within the function: no tail call */
        nop
1:      call    callee
        nop
        add     $32, %rsp
        pop     %rsi
        ret
        .seh_endproc

FUNCTION machine_frame                  /* UWOP_PUSH_MACHFRAME */
        .seh_pushframe
        push    %rbx
        .seh_pushreg %rbx
        sub     $32, %rsp
        .seh_stackalloc 32
        .seh_endprologue
        mov     $9, %ebx
        call    callee
        int3
        .seh_endproc

FUNCTION machine_frame_with_code
        .seh_pushframe @code
        push    %rbp
        .seh_pushreg %rbp
        .seh_endprologue
        mov     $9, %ebp
        call    callee
        int3
        .seh_endproc

/* Version 2, which no assembler makes: where its epilogs begin stands in its codes. */
        .globl  version_2
        .p2align 4, 0xCC
version_2:
        push    %rsi
2:      push    %rbx
3:      sub     $40, %rsp
4:      mov     $1, %ebx
        test    %ecx, %ecx
        je      5f
        call    callee
        add     $40, %rsp
6:      pop     %rbx
        pop     %rsi
        ret
7:
5:      call    callee
        add     $40, %rsp
        pop     %rbx
        pop     %rsi
        ret
version_2_end:
        .section .xdata,"dr"
        .p2align 2
version_2_info:
        .byte   2, 4b - version_2, 5, 0
        .byte   7b - 6b, 0x16           /* all are so long; one at the end */
        .byte   version_2_end - 6b, 6   /* and one so far from it */
        .byte   4b - version_2, 0x42    /* sub rsp, 40 */
        .byte   3b - version_2, 0x30    /* push rbx */
        .byte   2b - version_2, 0x60    /* push rsi */
        .byte   0, 0
        .section .pdata,"dr"
        .long   version_2@IMGREL, version_2_end@IMGREL, version_2_info@IMGREL
        .text

        .globl  callee
        .p2align 4, 0xCC
callee: ret

        .globl  main_entry
        .p2align 4, 0xCC
main_entry:
        ret

        .data
pointer:
        .quad   0
