using System.Diagnostics;
using System.Globalization;

namespace OrleansGeo.Tests.Orleans;

/// <summary>What .NET has no call for.</summary>
internal static class Posix
{
    /// <summary>Sends a signal, by its name without SIG.</summary>
    public static void Signal(int process, string name) => Run(["kill", $"-{name}", process.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Runs a command to its end.</summary>
    public static void Run(IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { UseShellExecute = false, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {said}");
        }
    }
}
