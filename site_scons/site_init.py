"""Switch the tool on for every Environment, without a change to SConstruct.

SCons runs this file before it reads SConstruct. The folder it stands in can be
copied to a project, to ~/.scons/site_scons for every project of one user, or be
named by `scons --site-dir`. A project that has a site_init.py of its own calls
`incremental_tool.enable_everywhere()` there instead.

Without the package, or when switching it on fails, one line is written to
standard error and the build goes on as plain SCons.
"""


def _switch_on_incremental() -> None:
    import os
    import sys

    # As the package understands INCREMENTAL; said again here, for it may be missing.
    off = ("", "0", "no", "off", "false", "none")
    if os.environ.get("INCREMENTAL", "1").strip().lower() in off:
        return
    try:
        import incremental_tool
    except ImportError:
        why = f"the package scons-incremental is not installed for {sys.executable}"
    else:
        try:
            incremental_tool.enable_everywhere()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        else:
            return
    sys.stderr.write(f"scons: warning: building without the tool 'incremental': {why}\n")


_switch_on_incremental()
# What stays defined here would become a global name in every SConscript.
del _switch_on_incremental
