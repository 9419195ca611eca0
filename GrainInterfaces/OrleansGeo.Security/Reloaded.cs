using Microsoft.Extensions.Logging;

namespace OrleansGeo.Security;

/// <summary>What was read from files, and can be told from what they held before.</summary>
public interface IFileContent
{
    /// <summary>Equal for equal files.</summary>
    string Fingerprint { get; }
}

/// <summary>
/// The content of files that may change while the process runs. They are read again every few seconds: reading is how a change is noticed,
/// because watching does not see how Kubernetes swaps the folder of a mounted secret.
/// </summary>
public sealed partial class Reloaded<T> : IDisposable
    where T : class, IFileContent
{
    /// <summary>How often the files are looked at.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly Func<T> _read;
    private readonly ILogger _log;
    private readonly Lock _reading = new();
    private readonly ITimer _timer;
    private volatile T _current;
    private string? _lastWrong;

    /// <summary>Reads the files for the first time, and looks at them again from now on.</summary>
    /// <param name="read">Reads them; throws <see cref="UnusableFileException"/> when they cannot be used.</param>
    /// <param name="time">Gives the period.</param>
    /// <param name="log">Hears of changes, and of files that cannot be used any more.</param>
    /// <exception cref="UnusableFileException">They cannot be used.</exception>
    public Reloaded(Func<T> read, TimeProvider time, ILogger log)
    {
        _read = read;
        _log = log;
        _current = read();
        _timer = time.CreateTimer(static files => ((Reloaded<T>)files!).Reload(), this, Period, Period);
    }

    /// <summary>The newest content that could be used.</summary>
    public T Current => _current;

    /// <summary>
    /// Looks at the files again. While they cannot be used, what was read last counts, and the log says so once: a certificate and its
    /// key, for one, may be replaced one after the other.
    /// </summary>
    public void Reload()
    {
        lock (_reading)
        {
            try
            {
                var read = _read();
                if (read.Fingerprint != _current.Fingerprint)
                {
                    _current = read;
                    FilesChanged(_log, read);
                }

                _lastWrong = null;
            }
            catch (UnusableFileException wrong)
            {
                if (wrong.Message != _lastWrong)
                {
                    FilesUnusable(_log, wrong.Message);
                }

                _lastWrong = wrong.Message;
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => _timer.Dispose();
}

/// <summary>A file cannot be used; the message is for the user, one line.</summary>
public sealed class UnusableFileException(string message) : Exception(message);
