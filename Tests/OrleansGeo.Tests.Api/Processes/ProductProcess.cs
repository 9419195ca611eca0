using System.Diagnostics;
using System.Text;
using Xunit;

namespace OrleansGeo.Tests.Api.Processes;

/// <summary>The product as a user starts it: a process of its own, whose output is heard. Killed at the latest when disposed.</summary>
internal abstract class ProductProcess : IDisposable
{
    private readonly string _name;
    private readonly TimeSpan _patience;
    private readonly Process _process;
    private readonly StringBuilder _said = new();

    /// <summary>Starts it; the patience is how long anything that is waited for may take.</summary>
    protected ProductProcess(string name, ProcessStartInfo start, TimeSpan patience)
    {
        (_name, _patience) = (name, patience);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += Hear;
        _process.ErrorDataReceived += Hear;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The operating system's number of it.</summary>
    public int Id => _process.Id;

    /// <summary>True once it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>What it printed, on either stream.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return _said.ToString();
            }
        }
    }

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Waits until something is there, or fails when the process ends.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(_patience);
        while (!await isSo())
        {
            Assert.False(_process.HasExited, $"the {_name} ended before {what}:\n{Said}");
            Assert.False(deadline.IsCancellationRequested, $"not in {_patience.TotalSeconds} s: {what}\n{Said}");
            await Task.Delay(20, Cancellation);
        }
    }

    /// <summary>Kills it as kill -9 does: it runs not one more instruction.</summary>
    public virtual async Task KillAsync()
    {
        Assert.False(_process.HasExited, $"the {_name} ended by itself:\n{Said}");
        _process.Kill();
        await _process.WaitForExitAsync(Cancellation);
    }

    /// <summary>Waits until it ends by itself, and answers with its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(Cancellation).WaitAsync(_patience, Cancellation);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
        {
            _said.AppendLine(line.Data);
        }
    }
}
