using System.Runtime.InteropServices;

namespace OrleansGeo.Engine;

/// <summary>How one thread sleeps for nanoseconds and can be woken before. May return early; the caller looks at the clock again.</summary>
internal abstract class PreciseSleeper : IDisposable
{
    public static PreciseSleeper Create() =>
        OperatingSystem.IsLinux() && Environment.Is64BitProcess ? new PollSleeper() : new EventSleeper();

    /// <summary>Called once by the thread that will sleep.</summary>
    public virtual void Begin()
    {
    }

    /// <summary>Sleeps that many nanoseconds, or without end when negative, unless woken; a wake before the sleep counts.</summary>
    public abstract void Sleep(long nanos);

    public abstract void Wake();

    public abstract void Dispose();
}

/// <summary>Where the kernel offers nothing better: milliseconds, rounded up.</summary>
internal sealed class EventSleeper : PreciseSleeper
{
    private readonly AutoResetEvent _event = new(false);

    public override void Sleep(long nanos) => _event.WaitOne(nanos < 0 ? -1 : (int)Math.Min((nanos + 999_999) / 1_000_000, int.MaxValue));

    public override void Wake() => _event.Set();

    public override void Dispose() => _event.Dispose();
}

/// <summary>ppoll(2) on an eventfd(2): nanosecond timeouts, and a wake that costs one write.</summary>
internal sealed unsafe partial class PollSleeper : PreciseSleeper
{
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const short Readable = 1;
    private const int SetTimerSlack = 29;
    private readonly int _event;

    public PollSleeper()
    {
        _event = EventFd(0, NonBlocking | CloseOnExec);
        if (_event < 0)
        {
            throw new InvalidOperationException("eventfd failed: the process is out of file descriptors");
        }
    }

    // The kernel may end a sleep up to the thread's slack late to save wakeups: 50 us unless set (prctl(2), PR_SET_TIMERSLACK).
    public override void Begin() => _ = ProcessControl(SetTimerSlack, 1, 0, 0, 0);

    public override void Sleep(long nanos)
    {
        var descriptor = new PollDescriptor { Descriptor = _event, Events = Readable };
        var timeout = new TimeSpec { Seconds = nanos / 1_000_000_000, Nanos = nanos % 1_000_000_000 };
        if (Poll(&descriptor, 1, nanos < 0 ? null : &timeout, null) > 0)
        {
            ulong drained;
            _ = Read(_event, &drained, sizeof(ulong));
        }
    }

    public override void Wake()
    {
        ulong one = 1;
        _ = Write(_event, &one, sizeof(ulong));
    }

    public override void Dispose() => _ = Close(_event);

    [LibraryImport("libc", EntryPoint = "eventfd")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "ppoll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, TimeSpec* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "read")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "prctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ProcessControl(int option, nuint a, nuint b, nuint c, nuint d);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanos;
    }
}
