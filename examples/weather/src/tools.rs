//! The assistant's tools.

use std::sync::Arc;

use colloquy_server::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::weather_service::{Weather, WeatherService};

pub(crate) struct CurrentWeather(pub(crate) Arc<WeatherService>);

pub(crate) struct Forecast(pub(crate) Arc<WeatherService>);

pub(crate) struct WhoAmI;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Location {
    // The model reads this comment.
    /// The city, without its country.
    city: String,
}

/// Returns the email of the current user.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Nothing {}

fn report(weather: Option<Weather>) -> Result<String, ToolError> {
    let Weather { condition, celsius } =
        weather.ok_or_else(|| ToolError::new("There is no such city."))?;
    Ok(format!("{condition}, {celsius} °C"))
}

#[async_trait]
impl TypedTool for CurrentWeather {
    type Arguments = Location;

    fn name(&self) -> ToolName {
        tool_name!("fetch_current_weather")
    }

    fn description(&self) -> String {
        "Fetches the current weather of a city.".to_owned()
    }

    async fn call(&self, _: &ToolContext, location: Location) -> Result<String, ToolError> {
        report(self.0.of(&location.city).map(|[today, _]| today))
    }
}

#[async_trait]
impl TypedTool for Forecast {
    type Arguments = Location;

    fn name(&self) -> ToolName {
        tool_name!("fetch_forecast_weather")
    }

    fn description(&self) -> String {
        "Fetches tomorrow's weather of a city.".to_owned()
    }

    async fn call(&self, _: &ToolContext, location: Location) -> Result<String, ToolError> {
        report(self.0.of(&location.city).map(|[_, tomorrow]| tomorrow))
    }
}

#[async_trait]
impl TypedTool for WhoAmI {
    type Arguments = Nothing;

    fn name(&self) -> ToolName {
        tool_name!("who_am_i")
    }

    async fn call(&self, context: &ToolContext, _: Nothing) -> Result<String, ToolError> {
        let user = context.actor.user();
        let user = user.ok_or_else(|| ToolError::new("Nobody is signed in."))?;
        Ok(user.email.to_string())
    }
}
