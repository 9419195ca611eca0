using System.Globalization;
using System.Runtime.InteropServices;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>
/// Puts another file under a descriptor that the engine holds, so that the real system calls fail: writing to /dev/full finds no space, and
/// /dev/null cannot be synced. Needs no privilege, and Linux's /proc to find the descriptor.
/// </summary>
internal static partial class OpenFiles
{
    private const int WriteOnly = 1;

    internal enum Replacement
    {
        FullDevice,
        NullDevice,
    }

    internal static void ReplaceNewestLog(string folder, Replacement replacement)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "finding the engine's descriptors needs /proc");
        var log = NewestLog(folder);
        var other = Open(replacement == Replacement.FullDevice ? "/dev/full" : "/dev/null", WriteOnly);
        Assert.Equal(log, Duplicate(other, log));
    }

    private static int NewestLog(string folder)
    {
        var logs = Directory.GetFiles("/proc/self/fd")
            .Select(path => (Descriptor: Path.GetFileName(path), Target: TargetOf(path)))
            .Where(file => file.Target.StartsWith(folder + "/", StringComparison.Ordinal)
                && file.Target.EndsWith(".wal", StringComparison.Ordinal))
            .OrderBy(file => file.Target, StringComparer.Ordinal)
            .ToList();
        Assert.NotEmpty(logs);
        return int.Parse(logs[^1].Descriptor, CultureInfo.InvariantCulture);
    }

    // A descriptor of another thread may be gone by now.
    private static string TargetOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);
}
