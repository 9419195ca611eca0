using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>The file of keys that a host was given.</summary>
public static class ApiKeyFile
{
    private const int BytesMax = 4 * 1024 * 1024;

    /// <summary>Reads a file.</summary>
    /// <exception cref="UnusableFileException">It is not there, or something in it is no key.</exception>
    public static ApiKeyRing Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > BytesMax)
            {
                throw new UnusableFileException($"The file of keys {path} is over {BytesMax} bytes.");
            }

            return ApiKeyRing.Parse(File.ReadAllText(path), out var wrong)
                ?? throw new UnusableFileException($"The file of keys {path} cannot be used: {wrong}.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UnusableFileException($"The file of keys {path} cannot be read: {failure.Message}");
        }
    }

    /// <summary>Adds a key's line to a file, which is made when it is not there.</summary>
    /// <exception cref="UnusableFileException">It cannot be written, or has a key of that name.</exception>
    public static void Add(string path, ApiKey key)
    {
        var before = File.Exists(path) ? Read(path) : null;
        if (before?.Has(key.Name) == true)
        {
            throw new UnusableFileException($"The file of keys {path} has a key of the name {key.Name} already.");
        }

        var gap = before is null or { Fingerprint: "" } || before.Fingerprint.EndsWith('\n') ? "" : "\n";
        try
        {
            File.AppendAllText(path, $"{gap}{key}\n");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UnusableFileException($"The file of keys {path} cannot be written: {failure.Message}");
        }
    }
}
