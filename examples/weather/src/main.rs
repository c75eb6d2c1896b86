//! The weather assistant of django-ai-assistant's documentation, as an assistant in code. Its
//! instructions name the day; its tools share one weather service.
//!
//! `COLLOQUY_DEFAULT_MODEL=openai::gpt-4o OPENAI_API_KEY=... cargo run -p weather-assistant -- serve`

mod tools;
mod weather_service;

use std::process::ExitCode;
use std::sync::Arc;

use colloquy_server::prelude::*;

use crate::tools::{CurrentWeather, Forecast, WhoAmI};
use crate::weather_service::WeatherService;

struct WeatherAssistant {
    weather: Arc<WeatherService>,
}

#[async_trait]
impl CodeAssistant for WeatherAssistant {
    fn definition(&self) -> Result<NewAssistant, BoxError> {
        Ok(NewAssistant {
            slug: Some(Slug::parse("weather")?),
            description: Some(Description::parse(
                "Tells the weather of today and tomorrow.",
            )?),
            instructions: Instructions::parse("You are a weather bot.")?,
            ..NewAssistant::new(AssistantName::parse("Weather Assistant")?)
        })
    }

    fn tools(&self) -> Vec<Arc<dyn Tool>> {
        vec![
            Arc::new(CurrentWeather(Arc::clone(&self.weather))),
            Arc::new(Forecast(Arc::clone(&self.weather))),
            Arc::new(WhoAmI),
        ]
    }

    async fn instructions(&self, request: &RequestContext) -> Result<Instructions, BoxError> {
        let today = request.now.date_naive();
        let text = format!("You are a weather bot. Today is {today}.");
        Ok(Instructions::parse(text)?)
    }
}

fn main() -> ExitCode {
    let weather = Arc::new(WeatherService::new());
    colloquy_server::builder()
        .assistant(WeatherAssistant { weather })
        .run()
}
