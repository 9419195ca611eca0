using System.Net;
using OrleansGeo.Api.Access;

namespace OrleansGeo.Silo;

/// <summary>
/// Who may reach the process, and how they show who they are. On loopback nothing is needed, so every user of the machine may do
/// everything; what is given holds there too.
/// </summary>
internal sealed record SecuritySettings
{
    /// <summary>The file of the keys that REST wants.</summary>
    public string? ApiKeys { get; init; }

    /// <summary>Other machines may reach the process although something here is missing.</summary>
    public bool Insecure { get; init; }

    /// <summary>What is missing, a line each.</summary>
    public IEnumerable<string> Wrong(SiloSettings settings)
    {
        if (!Insecure && ApiKeys is null && IsReachable(settings.HttpAddress))
        {
            yield return $"--api-keys must be given where other machines reach REST, which is at {settings.HttpAddress}; or --insecure.";
        }
    }

    /// <summary>Looks at the files.</summary>
    /// <exception cref="SiloRefusedException">One of them cannot be used.</exception>
    public void Check()
    {
        try
        {
            if (ApiKeys is not null)
            {
                ApiKeyFile.Read(ApiKeys);
            }
        }
        catch (ApiKeyFileException wrong)
        {
            throw new SiloRefusedException(wrong.Message);
        }
    }

    /// <summary>Registers what the web server needs.</summary>
    public void AddTo(IServiceCollection services)
    {
        if (ApiKeys is not null)
        {
            services.AddGeoApiKeys(ApiKeys);
        }
    }

    // An address that is none is said elsewhere.
    private static bool IsReachable(string address) => IPAddress.TryParse(address, out var ip) && !IPAddress.IsLoopback(ip);
}
