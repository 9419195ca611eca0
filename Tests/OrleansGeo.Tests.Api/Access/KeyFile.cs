using OrleansGeo.Api.Access;

namespace OrleansGeo.Tests.Api.Access;

/// <summary>A file of keys, and the texts of those that were made.</summary>
public sealed class KeyFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("geo-keys-");

    public string Path => System.IO.Path.Combine(_folder.FullName, "keys");

    /// <summary>Adds a key, as the command does.</summary>
    public string Add(string name, params string[] grants)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        Assert.Equal(0, KeyCommand.Run(name, grants, Path, output, errors));
        Assert.Empty(errors.ToString());
        return output.ToString().Trim();
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
