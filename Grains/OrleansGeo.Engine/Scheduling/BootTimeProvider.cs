using System.Runtime.InteropServices;

namespace OrleansGeo.Engine;

/// <summary>
/// System time whose timestamps include time the machine was suspended: a lease must not outlive a laptop's sleep. On 64-bit Linux they are
/// nanoseconds of CLOCK_BOOTTIME (clock_gettime(2)); elsewhere the platform's own monotonic clock. Wall time and timers are the system's.
/// </summary>
public sealed partial class BootTimeProvider : TimeProvider
{
    private const int ClockBootTime = 7;
    private static readonly bool s_available = OperatingSystem.IsLinux() && Environment.Is64BitProcess && TryRead(out _);

    private BootTimeProvider()
    {
    }

    /// <summary>The one provider.</summary>
    public static BootTimeProvider Instance { get; } = new();

    /// <summary>True when suspended time counts.</summary>
    public static bool CountsSuspendedTime => s_available;

    /// <inheritdoc />
    public override long TimestampFrequency => s_available ? 1_000_000_000 : base.TimestampFrequency;

    /// <inheritdoc />
    public override long GetTimestamp() => s_available && TryRead(out var nanos) ? nanos : base.GetTimestamp();

    private static bool TryRead(out long nanos)
    {
        var result = ReadClock(ClockBootTime, out var time);
        nanos = (time.Seconds * 1_000_000_000) + time.Nanos;
        return result == 0;
    }

    // The vDSO answers without entering the kernel, so the call is short enough to skip the GC transition.
    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ReadClock(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanos;
    }
}
