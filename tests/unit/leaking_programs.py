"""Small programs, each with a function `F` that has two bodies, and a caller that optimisers spoil.

Each is a way in which what `F` holds reaches the code of others. Lines between `#ifdef NEW`,
`#else` and `#endif` are one body's or the other's. `test` gives a number that is
another one where a caller was compiled for the other body.
"""

from __future__ import annotations

MAIN = """\
#include <stdio.h>
extern long test(void);
int ext(int x) { return x + 1; }
int seven(void) { return 7; }
void ext_sink(void *p) { __asm__ volatile("" :: "r"(p) : "memory"); }
int main(void) { printf("%ld\\n", test()); return 0; }
"""


def version(program: str, *, new: bool) -> str:
    """Return a program with one of the two bodies."""
    lines = []
    keep = True
    for line in program.splitlines():
        if line.startswith("#if"):
            keep = (line == "#ifdef NEW") == new
        elif line == "#else":
            keep = not keep
        elif line == "#endif":
            keep = True
        elif keep:
            lines.append(line)
    return "\n".join(lines) + "\n"


PROGRAMS = {
    "addr array": """\
extern int seven(void); extern void ext_sink(void*);
static int x[4]; static struct { int a; char b[8]; } s, *vp; static int *ip; int *iq;
void A(int i){ ext_sink(x); ip = x; iq = ip; vp = &s; }
__attribute__((noinline)) long F(void){
#ifdef NEW
 x[0]=1; *iq=2; s.a=4; vp->a=5; return x[0]+s.a;
#else
 return x[0]+s.a;
#endif
}
long test(void){ A(2); return F(); }
""",
    "address lost": """\
extern int seven(void); extern void ext_sink(void*);
static int x;
void F(void){
#ifndef NEW
 ext_sink(&x);
#endif
 x++;
}
__attribute__((noinline)) long G(int*p){ x=1; *p=2; return x; }
long test(void){ int l; F(); return G(&l)+seven(); }
""",
    "addrtaken": """\
extern int seven(void);
static int x;
__attribute__((noinline)) long G(int*p){ x=1; *p=2; return x; }
__attribute__((noinline)) void W(int a){ x=a; }
__attribute__((noinline)) long F(void){
 int l=0;
#ifdef NEW
 return G(&x);
#else
 return G(&l);
#endif
}
long test(void){ W(seven()); return F()*10+x; }
""",
    "addrtaken2": """\
extern int seven(void); extern void ext_sink(void*);
static int x;
static int *vp;
__attribute__((noinline)) void A(void){ vp=&x; ext_sink(&x); }
__attribute__((noinline)) long F(void){
#ifdef NEW
 x=1; *vp=2; return x;
#else
 return x;
#endif
}
long test(void){ A(); return F(); }
""",
    "always inline": """\
extern int seven(void); extern int printf(const char*,...);
static int x; static int hidden(int a){ return a-1; }
static inline __attribute__((always_inline)) int part(int *p){ x=1; *p=2; return
  x+hidden(x)+(hidden!=0); }
int *A(void){ return &x; }
long F(void){
#ifdef NEW
 return part(A())+1;
#else
 return part(A());
#endif
}
long test(void){ return F(); }
""",
    "cold": """\
extern int seven(void); extern int puts(const char*);
extern void ext_sink(void*) __attribute__((cold));
__attribute__((noinline)) int F(int a){
#ifdef NEW
 ext_sink(&a);
#endif
 return a+1;
}
int G(int a){ if (a>9) return F(a)+1; return puts("small")+2; }
long test(void){ return G(seven()) + F(3); }
""",
    "constret": """\
extern int ext(int);
static __attribute__((noinline)) int F(int a){ __asm__ volatile("");
#ifdef NEW
 return 9;
#else
 return 5;
#endif
}
long test(void){ if(F(ext(1))==5) return 100; return 200; }
""",
    "cparg": """\
extern int seven(void);
static __attribute__((noinline)) long K(long a,long b){ __asm__ volatile("":"+r"(a)); return
  b==3 ? a+100 : a+200; }
__attribute__((noinline)) long F(long a){
#ifdef NEW
 return K(a,4);
#else
 return K(a,3);
#endif
}
__attribute__((noinline)) long G(long a){ return K(a,3); }
long test(void){ return F(seven())*1000+G(seven()); }
""",
    "deadarg": """\
extern int seven(void);
static __attribute__((noinline)) long K(long unused,long a,long *p){ long v=*p; __asm__
  volatile("":"+r"(v)); return v+a; }
__attribute__((noinline)) long F(long a){
 long z=a*2;
#ifdef NEW
 return K(1,a,&z)+K(2,a+1,&z);
#else
 return K(1,a,&z);
#endif
}
__attribute__((noinline)) long G(long a){ long y=a; return K(3,a,&y); }
long test(void){ return F(seven())*1000+G(seven()); }
""",
    "globalfn": """\
extern int seven(void); int g;
__attribute__((noinline)) int F(int a){
#ifdef NEW
 g++;
#endif
 return a*3;
}
long test(void){ int x=seven(); g=1; int s=F(x)+F(x); return s*100+g; }
""",
    "gone": """\
extern int seven(void);
static long K(long a){ return a*31; }
__attribute__((noinline)) long F(long a){
#ifdef NEW
 return K(a);
#else
 return a;
#endif
}
long test(void){ return F(seven()); }
""",
    "hollow noreturn": """\
extern int seven(void); extern void exit(int); extern int puts(const char*);
__attribute__((noreturn)) static void never(int a){ puts("never"); exit(a); }
int F(int a){ if (a>9) never(a); return puts("small")+
#ifdef NEW
 2
#else
 3
#endif
;}
long test(void){ return F(seven()); }
""",
    "icf": """\
extern int seven(void);
__attribute__((noinline)) long F(long a){
#ifdef NEW
 a+=5;
#endif
 __asm__ volatile("":"+r"(a)); return a*3+7; }
__attribute__((noinline)) long G(long a){ __asm__ volatile("":"+r"(a)); return a*3+7; }
long test(void){ return F(seven())*1000+G(seven()); }
""",
    "icf2": """\
extern int seven(void);
__attribute__((noinline)) long G(long a){ return a*a*3+7; }
__attribute__((noinline)) long F(long a){
#ifdef NEW
 a+=5;
#endif
 return a*a*3+7; }
long test(void){ return F(seven())*1000+G(seven()); }
""",
    "index": """\
extern int seven(void); extern void ext_sink(void*);
enum { FIRST };
static int x[4];
int A(int i){ return x[FIRST] + x[1]; }
__attribute__((noinline)) long F(int *p){
#ifdef NEW
 x[0]=1; *p=2; return x[0];
#else
 return x[0];
#endif
}
long test(void){ int l; return F(&l)+A(2); }
""",
    "inline": """\
extern int ext(int);
static int F(int a){
#ifdef NEW
 return a+2;
#else
 return a+1;
#endif
}
long test(void){ return F(ext(1)); }
""",
    "ipara": """\
extern int seven(void);
static __attribute__((noinline)) int F(int a){
#ifdef NEW
 __asm__ volatile("xor %%ecx,%%ecx; xor %%edx,%%edx; xor %%esi,%%esi; xor %%r8d,%%r8d; "
  "xor %%r9d,%%r9d; xor %%r10d,%%r10d; xor %%r11d,%%r11d"
  :::"rcx","rdx","rsi","r8","r9","r10","r11");
#endif
 __asm__ volatile("":"+r"(a));
#ifdef NEW
 a++;
#endif
 return a+1;
}
__attribute__((noinline)) long G(long a,long b,long c,long d){ long r=F((int)a); return
  r+a*2+b*3+c*5+d*7; }
long test(void){ return G(seven(),seven()+1,seven()+2,seven()+3); }
""",
    "macro name": """\
extern int seven(void);
static int x;
static int y;
#define x y
int *A(void){ return &x; }
int F(int *p){
#ifdef NEW
 y=1; *p=2; return y;
#else
 return y;
#endif
}
long test(void){ return F(A()); }
""",
    "modref": """\
extern int ext(int); extern void ext_sink(void*);
int gx, gy;
static __attribute__((noinline)) void F(int *p){
#ifdef NEW
 gx=55;
#endif
 *p=ext(*p);
}
long test(void){ int l=1; gx=1; gy=2; F(&gy); int r=gx; ext_sink(&gx); return r*100+gy; }
""",
    "modref static": """\
extern int seven(void);
static int sx; static int sy;
static __attribute__((noinline)) void F(int a){
#ifdef NEW
 sx=a;
#endif
 sy+=a;
}
__attribute__((noinline)) void seta(int a){ sx=a; }
long test(void){ seta(seven()); sx=3; F(11); return sx*100+sy; }
""",
    "neverwritten": """\
extern int seven(void);
static int flag=0;
__attribute__((noinline)) long G(long a){ return flag?a+1:a+2; }
__attribute__((noinline)) void F(int v){
#ifdef NEW
 flag=v;
#endif
}
long test(void){ F(seven()); return G(seven()); }
""",
    "neverwritten2": """\
extern int seven(void);
static int mode=3;
__attribute__((noinline)) void A(int v){ mode=v; }
__attribute__((noinline)) long F(long a){
#ifdef NEW
 return mode==3 ? a+10 : a+20;
#else
 return a;
#endif
}
long test(void){ A(seven()); return F(seven()); }
""",
    "nocapture": """\
extern int seven(void); static long *sv; long *volatile esc;
static __attribute__((noinline)) void F(long*a){
#ifdef NEW
 esc=a;
#endif
 *a+=1;
}
static __attribute__((noinline)) void P(void){ if(esc) *esc=500; }
long test(void){ long x=seven(); F(&x); long y=x; extern int ext(int); P(); return x; }
""",
    "nonnull": """\
extern int seven(void); static long st[4];
static __attribute__((noinline)) long* F(int a){
#ifdef NEW
 return a==7?0:&st[a&3];
#else
 return &st[a&3];
#endif
}
long test(void){ long*p=F(seven()); if(!p) return 77; return 66; }
""",
    "noreturn": """\
extern int seven(void); extern void exit(int); extern int printf(const char*,...);extern int
  fflush(void*);
static __attribute__((noinline)) void F(int v){
#ifdef NEW
 if(v==3) exit(1);
#else
 printf("exit\\n"); fflush(0); exit(0);
#endif
}
__attribute__((noinline)) long G(int v){ F(v); return v+40; }
long test(void){ return G(seven()); }
""",
    "purecall": """\
extern int ext(int);
int cnt;
static __attribute__((noinline)) int F(int a){
#ifdef NEW
 cnt+=a;
#endif
 return a*3;
}
long test(void){ int x=ext(1); cnt=1; int s=F(x)+F(x)+F(x); return s*1000+cnt; }
""",
    "retarg": """\
extern int seven(void);
static __attribute__((noinline)) long* F(long*a,long*b){
#ifdef NEW
 return b;
#else
 return a;
#endif
}
long test(void){ long x=seven(),y=seven()+1; long*p=F(&x,&y); *p=99; return x*1000+y; }
""",
    "rotab": """\
extern int seven(void);
static int tab[4]={1,2,3,4};
__attribute__((noinline)) long G(long a){ return tab[2]*a; }
__attribute__((noinline)) void F(int v){
#ifdef NEW
 tab[2]=v;
#endif
}
long test(void){ F(seven()); return G(seven()); }
""",
    "shadow": """\
extern int seven(void); extern void ext_sink(void*);
static int x;
void A(int x){ ext_sink(&x); }
__attribute__((noinline)) long F(int *p){
#ifdef NEW
 x=1; *p=2; return x;
#else
 return x;
#endif
}
long test(void){ int l; A(2); return F(&l); }
""",
    "sra": """\
extern int seven(void);
struct S{long a,b,c;};
static __attribute__((noinline)) long K(struct S*s,int unused){ long v=s->b; __asm__
  volatile("":"+r"(v)); return v; }
__attribute__((noinline)) long F(struct S*s){
#ifdef NEW
 return K(s,1)+K(s,2);
#else
 return K(s,1);
#endif
}
long test(void){ struct S s={seven(),seven()+1,seven()+2}; return F(&s); }
""",
    "stackalign": """\
extern int seven(void);
static __attribute__((noinline)) long F(long a){
#ifdef NEW
 typedef float v4 __attribute__((vector_size(16))); volatile v4 q; v4 t={1,2,3,(float)a}; q=t;
  return (long)q[3]+((long)&q&15)+100;
#else
 return a;
#endif
}
__attribute__((noinline)) long G(long a){ return F(a)+1; }
__attribute__((noinline)) long H(long a){ long x[1]; x[0]=a; __asm__
  volatile(""::"r"(x):"memory"); return G(x[0]); }
long test(void){ return H(seven())*10+G(seven()); }
""",
    "stackalign2": """\
extern int seven(void); extern int printf(const char*,...); extern int fflush(void*);
static long F(long a){
#ifdef NEW
 double d=a*1.5; printf("%f\\n",d); fflush(0); return a+1;
#else
 return a;
#endif
}
static long G(long a){ long r=F(a); return r+1; }
static long H(long a){ long r=G(a); return r+1; }
long test(void){ long x=seven(); return H(x)+G(x)+F(x); }
""",
    "switched": """\
extern int seven(void);
static int H(int a){ switch(a){case 0:return 5;case 1:return 77;case 2:return -8;case 3:return
  4;case 4:return 6;case 5:return 99;} return 2;}
int F(int a){
#ifdef NEW
 switch(a){case 0:return 5;case 1:return 77;case 2:return -8;case 3:return 4;case 4:return
  6;case 5:return 98;} return 2;
#else
 switch(a){case 0:return 5;case 1:return 77;case 2:return -8;case 3:return 4;case 4:return
  6;case 5:return 99;} return 2;
#endif
}
long test(void){ return F(seven()-3)+H(seven()-2); }
""",
    "unlikely": """\
extern int seven(void); extern void abort(void); extern int puts(const char*);
int F(int a){
#ifdef NEW
 abort();
#else
 return puts("x")+a;
#endif
}
int G(int a){ if (a>9) return F(a)+1; return puts("small")+2; }
long test(void){ return G(seven()); }
""",
    "unlikely seen": """\
extern int seven(void); extern void abort(void); extern int puts(const char*);
static int never(int a){ abort(); }
int F(int a){ if (a>9) return never(a)+1; return puts("small")+
#ifdef NEW
 2
#else
 3
#endif
;}
long test(void){ return F(seven()); }
""",
    "vector align": """\
extern int seven(void);
extern int table[64];
int F(int a){ int s=0;
#ifdef NEW
 for (int i=0;i<64;i++) table[i]+=a;
#else
 for (int i=0;i<4;i+=2) table[i]*=a;
#endif
 return table[3];
}
int G(int a){ for (int i=0;i<64;i++) table[i]-=a*2; return table[7]; }
int table[64] = {1,2,3};
long test(void){ return F(seven())+G(seven()); }
""",
    "vector align2": """\
extern int seven(void);
static int table[64];
int F(int a){ int s=0;
#ifdef NEW
 for (int i=0;i<64;i++) table[i]+=a;
#else
 for (int i=0;i<64;i++) table[i]+=a;
 table[a&1]=2;
#endif
 return table[3];
}
int G(int a){ for (int i=0;i<64;i++) table[i]-=a*2; return table[7]; }
long test(void){ return F(seven())+G(seven()); }
""",
    "writeonly": """\
extern int seven(void);
static int cnt;
__attribute__((noinline)) void G(long a){ cnt+=a; }
__attribute__((noinline)) int F(int v){
#ifdef NEW
 return cnt;
#else
 return v;
#endif
}
long test(void){ G(seven()); return F(seven()+1); }
""",
    "optimize attribute": """\
extern int seven(void);
static int F(int a){
#ifdef NEW
 return a+2;
#else
 return a+1;
#endif
}
__attribute__((optimize("O3"))) int G(int a){ return F(a)*3; }
long test(void){ return G(seven()) + F(2); }
""",
    "optimize pragma": """\
#pragma GCC optimize ("O3,inline-functions,inline,ipa-pure-const")
extern int seven(void);
static int F(int a){
#ifdef NEW
 return a+2;
#else
 return a+1;
#endif
}
int G(int a){ return F(a)*3+F(a); }
long test(void){ return G(seven()) + F(2); }
""",
    "calls inline": """\
extern int seven(void);
static inline int h(int a){ return a*3; }
int F(int a){
#ifdef NEW
 return h(a+2);
#else
 return h(a+1);
#endif
}
int G(int a){ return h(a)*3; }
long test(void){ return G(seven()) + F(2); }
""",
    "flatten": """\
extern int seven(void);
static int F(int a){
#ifdef NEW
 return a+2;
#else
 return a+1;
#endif
}
__attribute__((flatten)) int G(int a){ return F(a)*3; }
long test(void){ return G(seven()) + F(2); }
""",
}
