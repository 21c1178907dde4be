/* tests/unit/test_normalise.c -- function names, one row per way that tools write them. */
#include "bucket/keys.h"
#include "support/check.h"

#include <string.h>

static const struct {
    const char *name, *want, *file;
} rows[] = {
  // the vectors of the specification
    {"static void * Alloc<MozJemalloc>::malloc(unsigned __int64)",                "Alloc<T>::malloc",                                    NULL         },
    {"std::vector<int, std::allocator<int> >::operator[](unsigned long) const &",
     "std::vector<T>::operator[]",                                                                                                       NULL         },
    {"`anonymous namespace'::Foo::bar(int)",                                      "(anonymous namespace)::Foo::bar",                     NULL         },
    {"ns::run::<lambda_3f2a>::operator()(int) const",                             "ns::run::<lambda>::operator()",                       NULL         },
    {"ns::run::$_12::operator()() const",                                         "ns::run::$::operator()",                              NULL         },
    {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE",                           "core::ptr::drop_in_place",                            NULL         },
    {"<alloc::vec::Vec<T> as core::ops::Drop>::drop",
     "<alloc::vec::Vec<T> as core::ops::Drop>::drop",                                                                                    NULL         },
    {"foo(int) [clone .cold.222]",                                                "foo",                                                 NULL         },
    {"memcpy@@GLIBC_2.14",                                                        "memcpy",                                              NULL         },
    {"__memmove_avx_unaligned_erms",                                              "memmove",                                             NULL         },
    {"_foo@12",                                                                   "foo",                                                 NULL         },
    {"?A0x1f2e3d4c::Bar",                                                         "(anonymous namespace)::Bar",                          NULL         },
    {"operator new(unsigned int)",                                                "operator new",                                        NULL         },
    {"bool operator< <T>(A const&, B const&)",                                    "operator<",                                           NULL         },
    {"Foo::operator->() const",                                                   "Foo::operator->",                                     NULL         },
    {"void (*get(int))(char)",                                                    "void (*get(int))(char)",                              NULL         },
    {"-[NSException raise:format:]",                                              "-[NSException raise:format:]",                        NULL         },
    {"a<b(c",                                                                     "a<T>",                                                NULL         },
 // qualifiers, storage classes, return types
    {"const char* ns::name() const",                                              "ns::name",                                            NULL         },
    {"int const ns::f(int) const volatile &&",                                    "ns::f",                                               NULL         },
    {"std::map<int, std::pair<a, b> > & Foo<x>::get<y>(z)",                       "Foo<T>::get<T>",                                      NULL         },
    {"virtual thunk to Foo::bar()",                                               "Foo::bar",                                            NULL         },
    {"foo",                                                                       "foo",                                                 NULL         },
    {"foo (int)",                                                                 "foo",                                                 NULL         },
    {"unsigned long long foo(std::function<void (int)>)",                         "foo",                                                 NULL         },
    {"foo(int (*)(char))",                                                        "foo",                                                 NULL         },
    {"(anonymous namespace)::foo(int)",                                           "(anonymous namespace)::foo",                          NULL         },
    {"void (anonymous namespace)::foo(int)",                                      "(anonymous namespace)::foo",                          NULL         },
    {"ns::(anonymous namespace)::foo(int)",                                       "ns::(anonymous namespace)::foo",                      NULL         },
    {"foo[abi:cxx11](int)",                                                       "foo",                                                 NULL         },
    {"<name omitted>",                                                            "<name omitted>",                                      NULL         },
    {"<unknown in foo.dll>",                                                      "<unknown in foo.dll>",                                NULL         },
 // operators
    {"Foo::operator()(int)",                                                      "Foo::operator()",                                     NULL         },
    {"Foo::operator() <int>(int)",                                                "Foo::operator()",                                     NULL         },
    {"operator<<(a, b)",                                                          "operator<<",                                          NULL         },
    {"std::ostream& operator<< <char>(std::ostream&, char)",                      "operator<<",                                          NULL         },
    {"operator<=>(a, b)",                                                         "operator<=>",                                         NULL         },
    {"Foo<a>::operator bool() const",                                             "Foo<T>::operator bool",                               NULL         },
    {"Foo::operator std::vector<int>() const",                                    "Foo::operator std::vector<T>",                        NULL         },
    {"Foo::operator char const*() const",                                         "Foo::operator char const*",                           NULL         },
    {"operator new[](unsigned long)",                                             "operator new[]",                                      NULL         },
    {"operator delete(void*, unsigned long)",                                     "operator delete",                                     NULL         },
    {"operator\"\" _km(long double)",                                             "operator\"\"_km",                                     NULL         },
    {"Foo::operator,(int)",                                                       "Foo::operator,",                                      NULL         },
    {"my_operator(int)",                                                          "my_operator",                                         NULL         },
    {"operators::run(int)",                                                       "operators::run",                                      NULL         },
    {"a::operator()(int) const::b::c(int)",                                       "a::operator()::b::c",                                 NULL         },
 // lambdas and closures
    {"ns::f(int)::{lambda(int)#2}::operator()(int) const",                        "ns::f::<lambda>::operator()",                         NULL         },
    {"ns::f()::'lambda3'(int)::operator()(int) const",                            "ns::f::<lambda>::operator()",                         NULL         },
    {"app::main::{closure#3}",                                                    "app::main::{{closure}}",                              NULL         },
    {"app::main::{{closure}}",                                                    "app::main::{{closure}}",                              NULL         },
 // variants and decorations
    {"foo.cold",                                                                  "foo",                                                 NULL         },
    {"foo.part.3.constprop.0",                                                    "foo",                                                 NULL         },
    {"foo.isra.12.cold.4",                                                        "foo",                                                 NULL         },
    {"foo.llvm.1234567890",                                                       "foo",                                                 NULL         },
    {"foo(int) (.cold)",                                                          "foo",                                                 NULL         },
    {"foo(int) .cold.2",                                                          "foo",                                                 NULL         },
    {"_platform_memmove$VARIANT$Haswell",                                         "memmove",                                             NULL         },
    {"__strlen_avx2",                                                             "strlen",                                              NULL         },
    {"__memcpy_chk",                                                              "__memcpy_chk",                                        NULL         },
    {"__strange_avx2",                                                            "__strange_avx2",                                      NULL         },
    {"foo$fin$0",                                                                 "foo",                                                 NULL         },
    {"pthread_create@GLIBC_2.2.5",                                                "pthread_create",                                      NULL         },
    {"free@plt",                                                                  "free",                                                NULL         },
    {"@fast@8",                                                                   "fast",                                                NULL         },
    {"vector@@16",                                                                "vector",                                              NULL         },
    {"user@host",                                                                 "user@host",                                           NULL         },
 // Rust
    {"core::panicking::panic::h0123456789abcdef",                                 "core::panicking::panic",                              NULL         },
    {"app::run::h01234567",                                                       "app::run",                                            "src/main.rs"},
    {"app::run::h01234567",                                                       "app::run::h01234567",                                 "src/main.cc"},
    {"alloc::vec::Vec<T,A>::push",                                                "alloc::vec::Vec<T>::push",                            "vec.rs"     },
    {"core::ptr::write_volatile::<i32>",                                          "core::ptr::write_volatile<T>",                        "mod.rs"     },
    {"<A as B<C,D>>::f",                                                          "<A as B<C, D>>::f",                                   "a.rs"       },
    {"_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop"
     "17h0123456789abcdefE",                                                 "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop", NULL         },
    {"_ZN3foo3barEv",                                                             "_ZN3foo3barEv",                                       NULL         },
    {"_ZN99999999999999999999a",                                                  "_ZN99999999999999999999a",                            NULL         },
 // what nobody should send
    {"",                                                                          "",                                                    NULL         },
    {"   ",                                                                       "",                                                    NULL         },
    {"(int)",                                                                     "(int)",                                               NULL         },
    {"const",                                                                     "const",                                               NULL         },
    {"a\tb\nc",                                                                   "c",                                                   NULL         },
    {"caf\xc3\xa9(int)",                                                          "caf??",                                               NULL         },
    {"))))>>>>]]]]",                                                              "))))>>>>]]]]",                                        NULL         },
    {"operator",                                                                  "operator",                                            NULL         },
    {"operator ",                                                                 "operator",                                            NULL         },
    {"::",                                                                        "::",                                                  NULL         },
    {"@",                                                                         "@",                                                   NULL         },
    {"_@1",                                                                       "_",                                                   NULL         },
    {"+[",                                                                        "+[",                                                  NULL         },
};

static void long_names(struct fb_arena *arena)
{
    static char name[20001];
    static const char *const pieces[] = {"<",  "(",  "a<", "a(",     "`",  "{",     "operator",
                                         " a", "a ", "::", "<a as ", "1a", ".cold", "@"};
    for (size_t k = 0; k < COUNT(pieces); k++) {
        size_t m = strlen(pieces[k]);
        for (size_t i = 0; i + m < sizeof name; i += m)
            memcpy(name + i, pieces[k], m + 1);
        fb_arena_reset(arena);
        const char *got = fb_normalise(name, NULL, arena);
        CHECK(pieces[k], got != NULL && strlen(got) <= 1024);
    }
}

int main(void)
{
    static uint8_t room[1 << 16];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        const char *got = fb_normalise(rows[i].name, rows[i].file, &arena);
        if (!CHECK(rows[i].name, got != NULL && strcmp(got, rows[i].want) == 0))
            fprintf(stderr, "    got  %s\n    want %s\n", got, rows[i].want);
        if (got == NULL)
            continue;
        const char *again = fb_normalise(got, rows[i].file, &arena);
        if (!CHECK(rows[i].name, again != NULL && strcmp(got, again) == 0))
            fprintf(stderr, "    again %s\n", again);
        struct fb_arena none = {.base = room, .cap = 0};
        CHECK(rows[i].name, fb_normalise(rows[i].name, rows[i].file, &none) == NULL);
    }
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    long_names(&arena);
    return check_done();
}
