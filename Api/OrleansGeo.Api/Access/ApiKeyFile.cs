namespace OrleansGeo.Api.Access;

/// <summary>
/// The file of keys that a host was given. It is read again every few seconds, so that a key that was added or taken away counts without a
/// restart. Reading it is how a change is noticed: watching does not see how Kubernetes swaps the folder of a mounted secret.
/// </summary>
public sealed partial class ApiKeyFile : IHostedService, IDisposable
{
    /// <summary>How often the file is looked at.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private const int BytesMax = 4 * 1024 * 1024;

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _reading = new();
    private string _text;
    private string? _lastWrong;
    private volatile ApiKeyRing _ring;
    private ITimer? _timer;

    /// <summary>Reads the file for the first time.</summary>
    /// <exception cref="ApiKeyFileException">It cannot be read.</exception>
    public ApiKeyFile(string path, TimeProvider time, ILogger<ApiKeyFile> log)
    {
        _path = path;
        _time = time;
        _log = log;
        (_text, _ring) = Read(path);
    }

    /// <summary>The keys as they are now.</summary>
    public ApiKeyRing Keys => _ring;

    /// <summary>Reads a file.</summary>
    /// <exception cref="ApiKeyFileException">It is not there, or something in it is no key; the message is one line.</exception>
    public static (string Text, ApiKeyRing Ring) Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > BytesMax)
            {
                throw new ApiKeyFileException($"The file of keys {path} is over {BytesMax} bytes.");
            }

            var text = File.ReadAllText(path);
            return ApiKeyRing.Parse(text, out var wrong) is { } ring
                ? (text, ring)
                : throw new ApiKeyFileException($"The file of keys {path} cannot be used: {wrong}.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ApiKeyFileException($"The file of keys {path} cannot be read: {failure.Message}");
        }
    }

    /// <summary>Looks at the file again. While it cannot be read, the keys that were read last count, and the log says so once.</summary>
    public void Reload()
    {
        lock (_reading)
        {
            try
            {
                var (text, ring) = Read(_path);
                if (text != _text)
                {
                    (_text, _ring) = (text, ring);
                    KeysChanged(_log, ring.Count);
                }

                _lastWrong = null;
            }
            catch (ApiKeyFileException wrong)
            {
                if (wrong.Message != _lastWrong)
                {
                    KeysUnreadable(_log, wrong.Message);
                }

                _lastWrong = wrong.Message;
            }
        }
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = _time.CreateTimer(static file => ((ApiKeyFile)file!).Reload(), this, Period, Period);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public void Dispose() => _timer?.Dispose();
}

/// <summary>A file of keys cannot be used; the message is for the user, one line.</summary>
public sealed class ApiKeyFileException(string message) : Exception(message);
