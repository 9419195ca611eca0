using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>What .NET has no call for.</summary>
internal static class Posix
{
    /// <summary>Sends a signal, by its name without SIG.</summary>
    public static void Signal(int process, string name, bool mayFail = false) =>
        Run(["kill", $"-{name}", process.ToString(CultureInfo.InvariantCulture)], mayFail);

    /// <summary>Runs a command to its end.</summary>
    public static void Run(IReadOnlyList<string> command, bool mayFail = false)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = "/",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;
        var said = new StringBuilder();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (said)
            {
                said.AppendLine(line.Data);
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        // A server that it started may keep its output open for good, which waiting without a limit would wait for.
        process.WaitForExit(int.MaxValue);
        if (process.ExitCode != 0 && !mayFail)
        {
            lock (said)
            {
                throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {said}");
            }
        }
    }
}
